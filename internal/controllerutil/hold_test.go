package controllerutil_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// The operator's own deletion, begun at the very end of a second, has a second to lift the guard.
func TestDeletionIsHeldOnceItsGraceIsOver(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(d).Build()
	begun := time.Date(2027, 1, 31, 12, 0, 0, 999e6, time.UTC)
	for _, test := range []struct {
		age   time.Duration
		held  bool
		again time.Duration
	}{
		{0, false, 1001 * time.Millisecond},
		{time.Second, false, time.Millisecond},
		{1001 * time.Millisecond, true, 0},
		{time.Hour, true, 0},
	} {
		u := named("alice", "alice")
		u.DeletionTimestamp = &metav1.Time{Time: begun.Truncate(time.Second)} // as the API server writes it
		u.Finalizers = []string{v1alpha1.FinalizerGuard}
		again, err := controllerutil.Hold(t.Context(), c, u, v1alpha1.SourceSCIM, &u.Status.Conditions, begun.Add(test.age))
		if err != nil || again != test.again || controllerutil.IsHeld(u.Status.Conditions) != test.held {
			t.Errorf("after %s: held %t, again in %s, %v", test.age, controllerutil.IsHeld(u.Status.Conditions), again, err)
		}
	}
}
