package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// The writes of a request that gets no turn have all conflicted.
func TestDeactivationThatGetsNoTurnIsTakenOffTheCount(t *testing.T) {
	d := &deactivation{counted: true, outcome: deactivationCarriedOut}
	if d.staysCounted(contended("acme", "ann", context.DeadlineExceeded)) {
		t.Error("it stays counted")
	}
	if !d.staysCounted(nil) {
		t.Error("a deactivation that was carried out is taken off the count")
	}
}

func TestCountThatConflictsIsWrittenAgainWithDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const overtaken = 1000 // without delays, that many writes are over at once
		writes := 0
		conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("cloudssodirectories").GroupResource(), v1alpha1.DirectoryName, errors.New("overtaken"))
		n := &namespacedStore{Store: &Store{Config: Config{Client: interceptor.NewClient(nil, interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return nil
			},
			SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
				if writes++; writes > overtaken {
					return nil
				}
				return conflict
			},
		}), Retry: func() {}}}, namespace: "acme"}
		began := time.Now()
		_, err := n.changeCount(t.Context(), &v1alpha1.CloudSSODirectory{}, func(*v1alpha1.CloudSSODirectory) ([]v1alpha1.CountedDeactivations, bool) {
			return []v1alpha1.CountedDeactivations{{Count: 1}}, true
		})
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != countTimeout {
			t.Errorf("%d writes in %s: %v", writes, took, err)
		}
	})
}
