package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// Membership in slices goes by the order of the slices' watch. A request writes, waits until the index shows its own
// write and with it every earlier write to a slice of the namespace, and plans again; it is done when nothing is left to
// write. So of two requests that do not know of each other the later one sees both (docs/adr/0008-slices.md).

var sliceKind = kind[*v1alpha1.CloudSSOMembershipSlice]{
	resource: schema.Group, // the resource that an error is about
	copy:     (*v1alpha1.CloudSSOMembershipSlice).DeepCopy,
	spec:     func(s *v1alpha1.CloudSSOMembershipSlice) any { return &s.Spec },
	keys:     sliceKeys,
}

// sliceKeys has a slice found by the name of its group.
func sliceKeys(s *v1alpha1.CloudSSOMembershipSlice) (k index.Keys) {
	if policy.IsTerminating(s) {
		return k
	}
	return index.Keys{Name: s.Spec.Group, Members: memberIDs(s.Spec.Members)}
}

type sliceEntry = index.Entry[*v1alpha1.CloudSSOMembershipSlice]

// slicesOf returns the entries of a group's slices, by name.
func (s *Store) slicesOf(g *v1alpha1.CloudSSOGroup) []*sliceEntry {
	return ofSource(s.slices.index.Named(g.Namespace, g.Name), g.Spec.Source)
}

// ofSource returns the entries of one source, by name. A slice whose source is not its group's has no effect.
func ofSource(entries []*sliceEntry, source v1alpha1.Source) []*sliceEntry {
	entries = slices.DeleteFunc(entries, func(e *sliceEntry) bool { return e.Object.Spec.Source != source })
	slices.SortFunc(entries, func(a, b *sliceEntry) int { return strings.Compare(a.Object.Name, b.Object.Name) })
	return entries
}

// slicesListing returns the slices that list a user.
func (s *Store) slicesListing(namespace, user string) (all []*v1alpha1.CloudSSOMembershipSlice) {
	for _, id := range s.slices.index.Listing(namespace, user) {
		if e := s.slices.index.Get(namespace, id); e != nil {
			all = append(all, e.Object)
		}
	}
	return all
}

// isInSlice reports whether a slice of the group lists the user.
func (s *Store) isInSlice(g *v1alpha1.CloudSSOGroup, user string) bool {
	return g.Spec.Sliced && slices.ContainsFunc(s.slicesListing(g.Namespace, user), func(slice *v1alpha1.CloudSSOMembershipSlice) bool {
		return slice.Spec.Group == g.Name && slice.Spec.Source == g.Spec.Source
	})
}

// groupSize returns how many members a group's lists hold.
func (s *Store) groupSize(g *v1alpha1.CloudSSOGroup) int {
	size := len(g.Spec.Members)
	if g.Spec.Sliced {
		for _, e := range s.slicesOf(g) {
			size += len(e.Members)
		}
	}
	return size
}

// modifiedAt returns SCIM's meta.lastModified of a group: when it, or one of its slices, was written last.
func (s *Store) modifiedAt(g *v1alpha1.CloudSSOGroup) time.Time {
	at := policy.LastModified(g)
	if g.Spec.Sliced {
		for _, e := range s.slicesOf(g) {
			if slice := policy.LastModified(e.Object); slice.After(at) {
				at = slice
			}
		}
	}
	return at
}

// sliceViews returns a group's slices as the index shows them at one moment.
func (s *Store) sliceViews(g *v1alpha1.CloudSSOGroup, delta *membership.Delta) []membership.SliceView {
	named := delta.Named
	if delta.MayRemoveUnnamed {
		named = nil
	}
	entries, listing := s.slices.index.NamedAndListing(g.Namespace, g.Name, named)
	views := []membership.SliceView{}
	for _, e := range ofSource(entries, g.Spec.Source) {
		views = append(views, membership.SliceView{Slice: e.Object, AddedAt: e.AddedAt, IsAffected: listing[e.Object.Name]})
	}
	return views
}

// viewBeforeRead returns the views for a live read of a group that is about to come; nil if the group is not known to be
// sliced.
func (n *namespacedStore) viewBeforeRead(ctx context.Context, id string, delta *membership.Delta) ([]membership.SliceView, error) {
	e := n.groups.index.Get(n.namespace, id)
	if e == nil || !e.Object.Spec.Sliced || delta.IsEmpty() {
		return nil, nil
	}
	if err := n.slices.waitCaughtUp(ctx, n.namespace); err != nil {
		return nil, err
	}
	return n.sliceViews(e.Object, delta), nil
}

// changeSlices makes the slices of a group what the delta makes of them. views were taken before g was read; nil if none
// were. Each further plan is made of a group that was read after its slices were looked up, or that is yet to be created.
func (n *namespacedStore) changeSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, delta *membership.Delta, views []membership.SliceView) (err error) {
	if err := n.slices.waitCaughtUp(ctx, n.namespace); err != nil {
		return err
	}
	for attempts := n.newAttempts(g.Namespace, g.Name); ; views = nil {
		if views == nil {
			views = n.sliceViews(g, delta)
			if isStored(g) {
				if g, err = n.groups.read(ctx, g.Namespace, g.Name); err != nil {
					return err
				}
			}
		}
		if err := n.changeSlicesOnce(ctx, g, delta, views); err != nil {
			return err
		}
		// A group that was read before these views is good enough here: a member of its own list was a member at that time.
		left, err := delta.PlanSlices(g.Spec.Members, n.sliceViews(g, delta))
		if err != nil {
			return unevaluated(g, err)
		}
		if len(left.Writes) == 0 {
			return nil
		}
		if err := attempts.next(ctx); err != nil {
			return interrupted(g, err)
		}
	}
}

// isStored reports whether a group was read from the API server, and is not one that is yet to be created.
func isStored(g *v1alpha1.CloudSSOGroup) bool { return g.UID != "" }

// interrupted returns the error of a change of a group's members that stops after a part of it: a refusal of the requests of
// the namespace, which says that nothing was changed, becomes a 503 of the same reason that says what is true.
func interrupted(g *v1alpha1.CloudSSOGroup, err error) error {
	var refused *scim.Error
	if !isStored(g) || !errors.As(err, &refused) || refused.Reason == "" {
		return err
	}
	stopped := unavailable(err, "synchronization stopped (%s) while this request changed the members of Group %q: a part of the change may be stored; "+
		"send it again when synchronization is on", refused.Reason, g.Name)
	stopped.Reason, stopped.RetryAfter = refused.Reason, max(stopped.RetryAfter, refused.RetryAfter)
	return stopped
}

// unevaluated returns the error of a change by a filter that could not be asked about members that the group got in the meantime.
func unevaluated(g *v1alpha1.CloudSSOGroup, err error) error {
	return unavailable(err, "Group %q got more members while this request removed some by a filter: a part of the change may be stored; send it again", g.Name)
}

// changeSlicesOnce carries out one plan, and waits until the index shows every write to a slice that came before.
func (n *namespacedStore) changeSlicesOnce(ctx context.Context, g *v1alpha1.CloudSSOGroup, delta *membership.Delta, views []membership.SliceView) error {
	plan, err := delta.PlanSlices(g.Spec.Members, views)
	if err != nil {
		return unevaluated(g, err)
	}
	stored, err := n.writeSlices(ctx, g, plan.Writes)
	delta.RecordSlices(plan, stored)
	if err != nil {
		return err
	}
	newest := uint64(0)
	for _, revision := range stored {
		newest = max(newest, revision)
	}
	if newest == 0 || slices.Contains(stored, 0) { // nothing was written after all, or the index is behind a conflict
		return n.catchUpWithSlices(ctx, g, views)
	}
	return n.waitForSlices(ctx, newest)
}

// writeSlices carries out writes, and returns the revision of each: 0 for one whose slice is not what the plan was made
// of any more.
func (n *namespacedStore) writeSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, writes []membership.SliceWrite) (stored []uint64, err error) {
	stored = make([]uint64, len(writes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelWrites)
	for i, w := range writes {
		group.Go(func() error {
			written, err := n.writeSlice(ctx, g, w)
			switch {
			case errors.Is(err, errStale), isNotFound(err):
				return nil
			case err != nil:
				return err
			}
			stored[i] = index.RevisionOf(written)
			return nil
		})
	}
	return stored, group.Wait()
}

// maxParallelWrites bounds how many slices one request writes at a time: more would keep the API server from others.
const maxParallelWrites = 8

func (n *namespacedStore) writeSlice(ctx context.Context, g *v1alpha1.CloudSSOGroup, w membership.SliceWrite) (*v1alpha1.CloudSSOMembershipSlice, error) {
	if w.Current != nil {
		next := w.Current.DeepCopy()
		next.Spec.Members = w.Members
		return n.slices.write(ctx, w.Current, next)
	}
	s := &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:  n.namespace,
			Name:       newID(g.Name, "", n.NewSuffix()),
			Finalizers: []string{v1alpha1.FinalizerGuard},
		},
		Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: g.Spec.Source, Group: g.Name, Members: w.Members},
	}
	policy.SetLastModified(s, n.Now()) // a group is modified when it gets a slice
	created, err := n.slices.create(ctx, s)
	return created, toSCIMError(err)
}

// waitForSlices waits until the index shows a write of this replica to a slice, and with it every earlier write.
func (n *namespacedStore) waitForSlices(ctx context.Context, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, ownWriteTimeout)
	defer cancel()
	began := time.Now()
	err := n.slices.index.WaitForRevision(ctx, n.namespace, revision)
	n.Lag("MembershipSlice", time.Since(began))
	if err != nil {
		n.slices.endSilentWatch(client.ObjectKey{Namespace: n.namespace})
		return behind(fmt.Errorf("the informer does not show a write to the slices of namespace %s: %w", n.namespace, err))
	}
	return nil
}

// catchUpWithSlices waits until the index shows every write to a slice of the group that came before the call: it
// touches one of the slices, and waits for that write. A group without slices in the index is looked at live.
func (n *namespacedStore) catchUpWithSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, views []membership.SliceView) error {
	for _, v := range views {
		touched, err := n.touch(ctx, v.Slice)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		return n.waitForSlices(ctx, index.RevisionOf(touched))
	}
	found, err := n.listSlices(ctx, g)
	if err != nil {
		return err
	}
	for i := range found {
		n.slices.waitForOwnWrite(ctx, &found[i])
	}
	return n.slices.waitCaughtUp(ctx, g.Namespace)
}

// listSlices lists the slices of a group, live.
func (n *namespacedStore) listSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup) ([]v1alpha1.CloudSSOMembershipSlice, error) {
	var found v1alpha1.CloudSSOMembershipSliceList
	ofGroup := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(membership.GroupField, g.Name)}
	err := n.Client.List(ctx, &found, client.InNamespace(g.Namespace), ofGroup)
	return found.Items, toSCIMError(err)
}

// checkUnused returns errStale if a group of that id exists, or a slice of one: the slices of a group that is created would be
// those of the other one too. The next attempt draws another id.
func (n *namespacedStore) checkUnused(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	_, err := n.groups.read(ctx, g.Namespace, g.Name)
	if err == nil || isNotFound(err) && len(n.slicesOf(g)) > 0 {
		return errStale
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// deleteSlices deletes the slices of a group that does not exist.
func (n *namespacedStore) deleteSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	found, err := n.listSlices(ctx, g)
	if err != nil {
		return err
	}
	deletions, ctx := errgroup.WithContext(ctx)
	deletions.SetLimit(maxParallelWrites)
	for i := range found {
		deletions.Go(func() error {
			s := &found[i]
			if err := n.Client.Delete(ctx, s, client.Preconditions{UID: &s.UID}); err != nil {
				return client.IgnoreNotFound(err)
			}
			_, err := n.slices.patch(ctx, s, jsonpatch.Patch{}.TestUID(s).RemoveFinalizers(s, v1alpha1.FinalizerGuard))
			if isNotFound(err) {
				return nil
			}
			return err
		})
	}
	return deletions.Wait()
}

// touch changes an annotation of a slice, whatever else has become of it.
func (n *namespacedStore) touch(ctx context.Context, slice *v1alpha1.CloudSSOMembershipSlice) (*v1alpha1.CloudSSOMembershipSlice, error) {
	next := slice.DeepCopy()
	metav1.SetMetaDataAnnotation(&next.ObjectMeta, v1alpha1.AnnotationTouched, n.NewSuffix())
	touched, err := n.slices.patch(ctx, slice, jsonpatch.Patch{}.TestUID(slice).Annotations(slice, next))
	if errors.Is(err, errStale) {
		return touched, scim.NotFound(schema.Group.Name, slice.Name)
	}
	return touched, err
}

// isNotFound reports whether err is a 404.
func isNotFound(err error) bool {
	var answer *scim.Error
	return errors.As(err, &answer) && answer.Status == http.StatusNotFound || apierrors.IsNotFound(err)
}
