package membership

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxAttempts bounds the rounds of a removal that other writers keep overtaking.
const maxAttempts = 10

// Writer takes users out of groups. A group that it is given may be stale: a removal is computed from
// what the write then finds, never from less (fleetdm/fleet#50724), and that there is nothing to remove
// is confirmed on a live read. A group that is gone has no members.
type Writer struct {
	// Client writes to the API server.
	Client client.Client
	// Live reads from the API server, not from a cache.
	Live client.Reader
	// Now is the clock, for SCIM's meta.lastModified.
	Now func() time.Time
}

// Remove takes users out of a group, and reports whether it had to.
func (w Writer) Remove(ctx context.Context, group *v1alpha1.CloudSSOGroup, users ...string) (changed bool, err error) {
	removed, err := w.remove(ctx, group, users, everybody)
	return len(removed) > 0, err
}

// RemoveDeparted takes those of the users out of a group that have departed (policy.HasDeparted) or do not
// exist, and returns who they were. A user is looked at live after the group was read: whoever has been restored,
// and then added again, is still a member afterwards, though every cache may be behind.
func (w Writer) RemoveDeparted(ctx context.Context, group *v1alpha1.CloudSSOGroup, users ...string) (removed []string, err error) {
	return w.remove(ctx, group, users, w.departed)
}

// remove takes out those of the users that choose returns, of those that are members.
func (w Writer) remove(
	ctx context.Context, group *v1alpha1.CloudSSOGroup, users []string,
	choose func(ctx context.Context, namespace string, users []string) ([]string, error),
) (removed []string, err error) {
	g, lost := group, error(nil)
	for range maxAttempts {
		leaving, err := choose(ctx, g.Namespace, Among(g.Spec.Members, users...))
		switch {
		case err != nil:
			return nil, err
		case len(leaving) > 0:
			if lost = w.replace(ctx, g, Without(g.Spec.Members, leaving...)); lost == nil {
				return leaving, nil
			}
			if !overtaken(lost) {
				return nil, client.IgnoreNotFound(lost)
			}
		case g != group:
			return nil, nil
		}
		g = &v1alpha1.CloudSSOGroup{}
		if err := w.Live.Get(ctx, client.ObjectKeyFromObject(group), g); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
	}
	return nil, fmt.Errorf("taking %s out of CloudSSOGroup %s/%s: overtaken by other writers %d times: %w",
		strings.Join(users, ", "), group.Namespace, group.Name, maxAttempts, lost)
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

// overtaken reports whether a write failed because the group is no longer what it was computed from.
func overtaken(err error) bool { return apierrors.IsConflict(err) || jsonpatch.Failed(err) }

// replace writes the members, if the group is still what they were computed from, and moves SCIM's
// meta.lastModified of a group that SCIM shows.
func (w Writer) replace(ctx context.Context, g *v1alpha1.CloudSSOGroup, members []v1alpha1.Member) error {
	p := jsonpatch.Patch{}.TestUID(g).TestGeneration(g).Replace("/spec/members", members)
	if g.Spec.Source == v1alpha1.SourceSCIM {
		if len(g.Annotations) == 0 {
			p = p.TestRevision(g) // the annotations are written whole
		}
		p = p.Annotations(g, modified(g, w.Now()))
	}
	encoded, err := p.Encode()
	if err != nil {
		return err
	}
	target := &v1alpha1.CloudSSOGroup{}
	target.Namespace, target.Name = g.Namespace, g.Name
	return w.Client.Patch(ctx, target, encoded)
}

// modified is the group with that time as SCIM's meta.lastModified.
func modified(g *v1alpha1.CloudSSOGroup, at time.Time) *v1alpha1.CloudSSOGroup {
	next := g.DeepCopy()
	metav1.SetMetaDataAnnotation(&next.ObjectMeta, v1alpha1.AnnotationLastModified, at.UTC().Format(time.RFC3339Nano))
	return next
}
