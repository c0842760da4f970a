package membership

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxAttempts bounds the rounds of a removal that other writers keep overtaking.
const maxAttempts = 10

// Writer takes users out of lists. A list that it is given may be stale: a removal is computed from what
// the write then finds, never from less (fleetdm/fleet#50724), and that there is nothing to remove is
// confirmed on a live read. A list that is gone has no members.
type Writer struct {
	// Client writes to the API server.
	Client client.Client
	// Live reads from the API server, not from a cache.
	Live client.Reader
	// Now is the clock, for SCIM's meta.lastModified.
	Now func() time.Time
}

// Remove takes users out of a list, and reports whether it had to.
func (w Writer) Remove(ctx context.Context, list client.Object, users ...string) (changed bool, err error) {
	removed, err := w.remove(ctx, list, users, everybody)
	return len(removed) > 0, err
}

// RemoveDeparted takes those of the users out of a list that have departed (policy.HasDeparted) or do not
// exist, and returns who they were. A user is looked at live after the list was read: whoever has been
// restored, and then added again, is still a member afterwards, though every cache may be behind.
func (w Writer) RemoveDeparted(ctx context.Context, list client.Object, users ...string) (removed []string, err error) {
	return w.remove(ctx, list, users, w.departed)
}

// RemoveFrom takes users out of a list if it is still the one given; else it returns a Conflict.
func (w Writer) RemoveFrom(ctx context.Context, list client.Object, users ...string) error {
	err := w.replace(ctx, list, Without(Of(list), users...))
	if jsonpatch.Failed(err) {
		return apierrors.NewConflict(schema.GroupResource{Group: v1alpha1.GroupVersion.Group}, list.GetName(), err)
	}
	return client.IgnoreNotFound(err)
}

// remove takes out those of the users that choose returns, of those that are members.
func (w Writer) remove(
	ctx context.Context, list client.Object, users []string,
	choose func(ctx context.Context, namespace string, users []string) ([]string, error),
) (removed []string, err error) {
	l, lost := list, error(nil)
	for range maxAttempts {
		leaving, err := choose(ctx, l.GetNamespace(), Among(Of(l), users...))
		switch {
		case err != nil:
			return nil, err
		case len(leaving) > 0:
			if lost = w.replace(ctx, l, Without(Of(l), leaving...)); lost == nil {
				return leaving, nil
			}
			if !overtaken(lost) {
				return nil, client.IgnoreNotFound(lost)
			}
		case l != list:
			return nil, nil
		}
		l = named(list)
		if err := w.Live.Get(ctx, client.ObjectKeyFromObject(list), l); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
	}
	return nil, fmt.Errorf("taking %s out of group %s/%s: overtaken by other writers %d times: %w",
		strings.Join(users, ", "), list.GetNamespace(), GroupOf(list), maxAttempts, lost)
}

func everybody(_ context.Context, _ string, users []string) ([]string, error) { return users, nil }

func (w Writer) departed(ctx context.Context, namespace string, users []string) (departed []string, err error) {
	for _, name := range users {
		u := &v1alpha1.CloudSSOUser{}
		err := w.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, u)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil || policy.HasDeparted(u) {
			departed = append(departed, name)
		}
	}
	return departed, nil
}

// overtaken reports whether a write failed because the list is no longer what it was computed from.
func overtaken(err error) bool { return apierrors.IsConflict(err) || jsonpatch.Failed(err) }

// replace writes the members, if the list is still what they were computed from, and moves SCIM's
// meta.lastModified of a group that SCIM shows.
func (w Writer) replace(ctx context.Context, list client.Object, members []v1alpha1.Member) error {
	p := jsonpatch.Patch{}.TestUID(list).TestGeneration(list).Replace("/spec/members", members)
	if sourceOf(list) == v1alpha1.SourceSCIM {
		if len(list.GetAnnotations()) == 0 {
			p = p.TestRevision(list) // the annotations are written whole
		}
		p = p.Annotations(list, modified(list, w.Now()))
	}
	encoded, err := p.Encode()
	if err != nil {
		return err
	}
	return w.Client.Patch(ctx, named(list), encoded)
}

// modified has the annotations of a list, with that time as SCIM's meta.lastModified.
func modified(list client.Object, at time.Time) client.Object {
	annotations := map[string]string{}
	maps.Copy(annotations, list.GetAnnotations())
	annotations[v1alpha1.AnnotationLastModified] = at.UTC().Format(time.RFC3339Nano)
	next := named(list)
	next.SetAnnotations(annotations)
	return next
}
