package controllerutil

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// blockedWaiter is a RevocationWaiter whose bindings cannot be written.
type blockedWaiter struct{}

// AwaitRevoked implements RevocationWaiter.
func (blockedWaiter) AwaitRevoked(ctx context.Context, _ v1alpha1.PrincipalKind, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAwaitRevokedFreesTheWorkerAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		isRevoked := AwaitRevoked(t.Context(), blockedWaiter{}, v1alpha1.PrincipalUser, &v1alpha1.CloudSSOUser{})
		if took := time.Since(start); isRevoked || took != time.Second {
			t.Errorf("revoked %t after %v", isRevoked, took)
		}
	})
}
