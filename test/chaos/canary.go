package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// canaryUser, canaryGroup and canarySlice are objects that only this test changes, one of each kind that a replica
	// watches. A replica that shows a change of one of them has seen every earlier change of that kind.
	canaryUser  = "canary-user"
	canaryGroup = "canary-group"
	canarySlice = "canary-slice"

	// canaryInterval is between two looks at the canaries, and canaryTimeout bounds one request.
	canaryInterval = 50 * time.Millisecond
	canaryTimeout  = 2 * time.Second
)

// canaries are the objects in the state number n.
type canaries struct {
	namespace string
	n         int
	member    string
}

// objects returns the canaries as they are created.
func (c canaries) objects() []client.Object {
	meta := func(name string, finalizers ...string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: c.namespace, Name: name, Finalizers: finalizers}
	}
	number := strconv.Itoa(c.n)
	return []client.Object{
		&v1alpha1.CloudSSOUser{
			ObjectMeta: meta(canaryUser, v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships),
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "canary@example.com", Title: number},
		},
		&v1alpha1.CloudSSOGroup{
			ObjectMeta: meta(canaryGroup, v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices),
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "canary", ExternalID: number, Sliced: true},
		},
		&v1alpha1.CloudSSOMembershipSlice{
			ObjectMeta: meta(canarySlice, v1alpha1.FinalizerGuard),
			Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: canaryGroup, Members: []v1alpha1.Member{{Name: c.member}}},
		},
	}
}

// patches returns what brings canaries that exist into this state, in the order of objects.
func (c canaries) patches() []string {
	return []string{
		fmt.Sprintf(`{"spec":{"title":"%d"}}`, c.n),
		fmt.Sprintf(`{"spec":{"externalId":"%d"}}`, c.n),
		fmt.Sprintf(`{"spec":{"members":[{"name":%q}]}}`, c.member),
	}
}

// createCanaries creates the canaries with the operator's own identity, not over SCIM.
func (r *Replicas) createCanaries(ctx context.Context, pool []string) error {
	r.pool = pool
	for _, o := range r.canaries().objects() {
		if err := r.operator.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replicas) canaries() canaries {
	return canaries{namespace: r.Environment.Namespace, n: r.changes, member: r.pool[r.changes%len(r.pool)]}
}

// changeCanaries writes a new state of the canaries, in as many attempts as it takes: an API server that has just
// started may refuse some.
func (r *Replicas) changeCanaries(ctx context.Context) error {
	r.changes++
	c := r.canaries()
	patches := c.patches()
	for i, o := range c.objects() {
		patch := client.RawPatch("application/merge-patch+json", []byte(patches[i]))
		for err := r.operator.Patch(ctx, o, patch); err != nil; err = r.operator.Patch(ctx, o, patch) {
			pause(ctx, canaryInterval)
			if ctx.Err() != nil {
				return fmt.Errorf("changing %s: %w", o.GetName(), err)
			}
		}
	}
	return nil
}

// AwaitCaughtUp returns when a replica shows the canaries as changeCanaries wrote them last: it serves, and has seen
// every write to users, groups and slices until then.
func (r *Replicas) AwaitCaughtUp(ctx context.Context, slot int) error {
	p, err := r.Provider(r.urls[slot])
	if err != nil {
		return err
	}
	defer p.HTTP.CloseIdleConnections()
	p.HTTP.Timeout = canaryTimeout
	c := r.canaries()
	for _, canary := range []*Op{{Kind: Read, Subject: canaryUser}, {Kind: Read, Subject: canaryGroup, Group: true}} {
		method, path, _ := canary.request()
		for {
			answer, err := p.Do(ctx, method, path, "")
			if err == nil && answer.Status == http.StatusOK && c.areShown(canary.seen(answer.Body)) {
				break
			}
			last := fmt.Sprint(err)
			if err == nil {
				last = answer.Raw
			}
			pause(ctx, canaryInterval)
			if ctx.Err() != nil {
				return fmt.Errorf("replica %d has not recovered: %w; it last said %s", slot, ctx.Err(), last)
			}
		}
	}
	return nil
}

// areShown reports whether an answer shows a canary in this state.
func (c canaries) areShown(s Seen) bool {
	return s.Marker == c.n && (s.ID != canaryGroup || slices.Equal(s.Members, []string{c.member}))
}
