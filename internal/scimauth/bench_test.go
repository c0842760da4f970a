package scimauth_test

import (
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func BenchmarkAuthenticate(b *testing.B) {
	r, authenticator := newReplica()
	a := auth.New(auth.Options{Rate: 1e9, Burst: 1e9}) // as often as can be
	a.Keyring().SetCredential(okta, auth.HashToken(token), policy.CredentialUse{SlotHeld: true, ExpiresAt: time.Now().Add(time.Hour)})
	authenticator.Tokens = a
	get := request("GET", "/Users/x", token)
	b.ReportAllocs()
	for b.Loop() {
		r.used = r.used[:0]
		if _, err := authenticator.Authenticate(get); err != nil {
			b.Fatal(err)
		}
	}
}
