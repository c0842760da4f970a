package authcache

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// The suite of controllers/credential tests the watch on a real API server. This file tests the events that an
// informer delivers only after it has lost its connection.

const token = "a-token-of-32-bytes-or-some-more"

var okta = metav1.ObjectMeta{Namespace: "acme", Name: "okta"}

func credential(change ...func(*v1alpha1.SCIMCredential)) *v1alpha1.SCIMCredential {
	now := metav1.Now()
	c := &v1alpha1.SCIMCredential{ObjectMeta: okta}
	c.CreationTimestamp = now
	c.Status.SlotHeldSince = &now
	for _, f := range change {
		f(c)
	}
	return c
}

func secret(token string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: okta, Type: v1alpha1.SecretTypeSCIMCredential,
		Data: map[string][]byte{v1alpha1.SecretKeyToken: []byte(token)},
	}
}

func TestEvents(t *testing.T) {
	type handlers struct {
		credentials, secrets toolscache.ResourceEventHandler
	}
	for _, tc := range []struct {
		name  string
		event func(h handlers)
		letIn bool
	}{
		{"nothing", func(handlers) {}, true},
		{"a credential that is changed", func(h handlers) {
			h.credentials.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.Disabled = true }))
		}, false},
		{"a credential that begins to be deleted", func(h handlers) {
			h.credentials.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) {
				c.DeletionTimestamp = &metav1.Time{Time: time.Now()}
			}))
		}, false},
		{"a credential that was deleted while the connection was lost", func(h handlers) {
			h.credentials.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "acme/okta", Obj: credential()})
		}, false},
		{"a Secret that was deleted while the connection was lost", func(h handlers) {
			h.secrets.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "acme/okta", Obj: secret(token)})
		}, false},
		{"a Secret whose token becomes too short, and the same hash beside it", func(h handlers) {
			short := secret("short")
			short.Data[v1alpha1.SecretKeyTokenHash] = []byte(auth.HashToken(token).String())
			h.secrets.OnUpdate(secret(token), short)
		}, false},
		{"a Secret made again with another token", func(h handlers) {
			h.secrets.OnUpdate(secret(token), secret("another"+token))
		}, false},
		{"both told again, as after a re-list", func(h handlers) {
			h.secrets.OnAdd(secret(token), true)
			h.credentials.OnAdd(credential(), true)
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := auth.New(auth.Options{})
			h := handlers{credentialEvents(a.Keyring()), secretEvents(a.Keyring())}
			h.credentials.OnAdd(credential(), true)
			h.secrets.OnAdd(secret(token), true)
			tc.event(h)
			if _, err := a.Authenticate("Bearer "+token, "192.0.2.1"); (err == nil) != tc.letIn {
				t.Errorf("let in: %v (%v), want %v", err == nil, err, tc.letIn)
			}
		})
	}
}
