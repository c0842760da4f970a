package group

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Each member that is taken out costs a live read, so one reconcile takes out a bounded number and another one follows.
func TestOneScanFindsABoundedNumberOfRemovals(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	live := &v1alpha1.CloudSSOUser{}
	live.Namespace, live.Name = "acme", "live"
	var r Reconciler
	r.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(live).
		WithIndex(&v1alpha1.CloudSSOMembershipSlice{}, membership.GroupField, groupOfSlice).Build()
	for _, test := range []struct {
		unknown, removals int
		isCut             bool
	}{{0, 0, false}, {maxRemovals, maxRemovals, false}, {maxRemovals + 1, maxRemovals, true}, {3 * maxRemovals, maxRemovals, true}} {
		g := newGroup("staff", scim)
		for i := range test.unknown {
			g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{Name: fmt.Sprintf("unknown-%d", i)})
		}
		g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{Name: live.Name})
		scan, err := r.scanMembers(t.Context(), g, policy.SwitchEnabled)
		if err != nil {
			t.Fatal(err)
		}
		removals := 0
		for _, l := range scan.removals {
			removals += len(l.names)
		}
		if removals != test.removals || scan.isCut != test.isCut || scan.live != 1 {
			t.Errorf("of %d unknown members: %d removals, cut %t, %d live", test.unknown, removals, scan.isCut, scan.live)
		}
	}
}

// The cache answers whether or not the context has ended, so a scan of a hundred thousand members has to look at it.
func TestScanEndsWithItsContext(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var r Reconciler
	r.Client = fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.CloudSSOMembershipSlice{}, membership.GroupField, groupOfSlice).Build()
	g := newGroup("staff", scim)
	g.Spec.Members = []v1alpha1.Member{{Name: "unknown"}}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := r.scanMembers(ended, g, policy.SwitchEnabled); !errors.Is(err, context.Canceled) {
		t.Errorf("the scan returns %v after its context has ended", err)
	}
}
