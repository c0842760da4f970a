package controllerutil_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// The operator takes the guard off right after it has begun a deletion. Such a deletion is not reported as held, even if it
// begins at the end of a second, to which the API server cuts deletionTimestamp.
func TestDeletionIsHeldFromTwoSecondsOn(t *testing.T) {
	begun := time.Date(2027, 1, 31, 12, 0, 0, 999e6, time.UTC)
	for _, test := range []struct {
		age          time.Duration
		held         bool
		requeueAfter time.Duration
	}{
		{0, false, 1001 * time.Millisecond},
		{time.Second, false, time.Millisecond},
		{1001 * time.Millisecond, true, 0},
		{time.Hour, true, 0},
	} {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "alice"}}
		u.DeletionTimestamp = &metav1.Time{Time: begun.Truncate(time.Second)}
		u.Spec.Source = v1alpha1.SourceSCIM
		u.Finalizers = []string{v1alpha1.FinalizerGuard}
		requeueAfter, err := controllerutil.ProtectDeletion(t.Context(), nil, u, policy.SwitchEnabled, &u.Status.Conditions, begun.Add(test.age))
		if held := controllerutil.IsDeletionHeld(u.Status.Conditions); err != nil || requeueAfter != test.requeueAfter || held != test.held {
			t.Errorf("after %s: held %t, again in %s, %v", test.age, held, requeueAfter, err)
		}
	}
}

// The admission plugin OwnerReferencesPermissionEnforcement of the API server forbids it to an account that may not delete the
// object. The rest of a reconcile must go on.
func TestForbiddenRemovalOfOwnersIsReported(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: v1alpha1.DirectoryName}}
	d.Spec.SCIMSynchronization, d.Status.ActivatedAt = v1alpha1.SynchronizationEnabled, new(metav1.Now())
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "alice", UID: "u1", OwnerReferences: []metav1.OwnerReference{{Name: "owner"}}}}
	u.Spec.Source = v1alpha1.SourceSCIM
	server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(d, u).Build()
	for _, test := range []struct {
		refusal error
		event   string // the beginning
		left    int
	}{
		{apierrors.NewForbidden(schema.GroupResource{}, "alice", errors.New("cannot set an ownerRef on a resource you can't delete")), "Warning OwnersLeft", 1},
		{nil, "Warning OwnersRemoved", 0},
	} {
		recorded := events.NewFakeRecorder(1)
		base := &controllerutil.Base{Events: recorded, Client: interceptor.NewClient(server, interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
				if test.refusal != nil {
					return test.refusal
				}
				return c.Patch(ctx, o, p, options...)
			},
		})}
		if err := server.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			t.Fatal(err)
		}
		if err := base.DropOwners(t.Context(), u); err != nil || len(u.OwnerReferences) != test.left {
			t.Errorf("%d owners, %v", len(u.OwnerReferences), err)
		}
		close(recorded.Events)
		if event := <-recorded.Events; !strings.HasPrefix(event, test.event) {
			t.Errorf("the Event is %q", event)
		}
	}
}

func TestSoonestOfTwoTimesIgnoresNever(t *testing.T) {
	for _, test := range []struct{ a, b, want time.Duration }{
		{0, 0, 0},
		{0, time.Second, time.Second},
		{time.Second, 0, time.Second},
		{time.Minute, time.Second, time.Second},
	} {
		if got := controllerutil.Soonest(test.a, test.b); got != test.want {
			t.Errorf("of %s and %s: %s", test.a, test.b, got)
		}
	}
}
