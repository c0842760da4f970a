package authcache

import (
	"crypto/rand"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// The suite of controllers/credential tests the watch on a real API server. This file tests the events that an
// informer delivers only after it has lost its connection.

func TestEvents(t *testing.T) {
	token, err := auth.NewToken(rand.Reader, "acme")
	if err != nil {
		t.Fatal(err)
	}
	credential := func(change ...func(*v1alpha1.SCIMCredential)) *v1alpha1.SCIMCredential {
		now := metav1.Now()
		c := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta", CreationTimestamp: now}}
		c.Spec.TokenHash = auth.HashToken(token).String()
		c.Spec.ExpiresAt = &metav1.Time{Time: now.Add(time.Hour)}
		c.Status.SlotHeldSince = &now
		for _, f := range change {
			f(c)
		}
		return c
	}
	for _, tc := range []struct {
		name     string
		event    func(toolscache.ResourceEventHandler)
		accepted bool
	}{
		{"nothing", func(toolscache.ResourceEventHandler) {}, true},
		{"a credential that is changed", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.Disabled = true }))
		}, false},
		{"a credential that gets networks", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.AllowedNetworks = []string{"203.0.113.0/24"} }))
		}, false},
		{"a credential that gets the client's network", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.AllowedNetworks = []string{"no network", "192.0.2.0/24"} }))
		}, true},
		{"a credential whose networks are none", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.AllowedNetworks = []string{"no network"} }))
		}, false},
		{"a credential that begins to be deleted", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) {
				c.DeletionTimestamp = &metav1.Time{Time: time.Now()}
			}))
		}, false},
		{"a credential that was deleted while the connection was lost", func(h toolscache.ResourceEventHandler) {
			h.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "acme/okta", Obj: credential()})
		}, false},
		{"a credential that was created again with another token while the connection was lost", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.TokenHash = auth.HashToken("another").String() }))
		}, false},
		{"a credential that was created again without a token while the connection was lost", func(h toolscache.ResourceEventHandler) {
			h.OnUpdate(credential(), credential(func(c *v1alpha1.SCIMCredential) { c.Spec.TokenHash = "" }))
		}, false},
		{"a credential that is told again, as after a re-list", func(h toolscache.ResourceEventHandler) {
			h.OnAdd(credential(), true)
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := auth.New(auth.Options{})
			h := credentialEvents(a.Keyring())
			h.OnAdd(credential(), true)
			tc.event(h)
			if _, err := a.Authenticate([]string{"Bearer " + token}, "192.0.2.1"); (err == nil) != tc.accepted {
				t.Errorf("accepted: %v (%v), want %v", err == nil, err, tc.accepted)
			}
		})
	}
}
