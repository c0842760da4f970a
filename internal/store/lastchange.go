package store

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// setLastChange records with an object which request writes it, in the write that the request needs anyway. A call that is
// part of no request records nothing.
func setLastChange(ctx context.Context, o metav1.Object, at time.Time) {
	if request, known := scim.RequestOf(ctx); known {
		policy.SetLastChange(o, policy.LastChange{
			Cause: request.Operation, Credential: credentialOf(request, o.GetNamespace()), RequestID: request.ID,
		}, at)
	}
}

// credentialOf returns the name of a request's SCIMCredential.
func credentialOf(request scim.Request, namespace string) string {
	return strings.TrimPrefix(request.Subject, namespace+"/")
}
