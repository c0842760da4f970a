package auth_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

const external = "an-external-token-of-more-than-32-bytes"

func secretWith(data map[string]string) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta"},
		Type:       v1alpha1.SecretTypeSCIMCredential,
		Data:       map[string][]byte{},
	}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

func TestSecretHash(t *testing.T) {
	hash := auth.HashToken(external)
	for _, tc := range []struct {
		name    string
		data    map[string]string
		problem string // part of it; empty: the hash is that of external
	}{
		{"a token", map[string]string{"token": external}, ""},
		{"a token with a line break, as echo leaves it", map[string]string{"token": external + "\n"}, ""},
		{"a token and its hash", map[string]string{"token": external, "tokenHash": hash.String()}, ""},
		{"a token and another hash: the token decides", map[string]string{"token": external, "tokenHash": auth.HashToken("other").String()}, ""},
		{"a hash alone", map[string]string{"tokenHash": hash.String()}, ""},
		{"a hash in capitals", map[string]string{"tokenHash": strings.ToUpper(hash.String()) + "\n"}, ""},
		{"nothing", nil, "neither token"},
		{"a hash that is none", map[string]string{"tokenHash": "abc"}, "neither token"},
		{"a hash that is too long", map[string]string{"tokenHash": hash.String() + "00"}, "neither token"},
		{"a short token", map[string]string{"token": strings.Repeat("x", 31)}, "has 31 bytes"},
		{"a short token beside a good hash", map[string]string{"token": "x", "tokenHash": hash.String()}, "has 1 bytes"},
		{"an empty token", map[string]string{"token": "", "tokenHash": hash.String()}, "has 0 bytes"},
		{"the shortest token that is long by a line break", map[string]string{"token": strings.Repeat("x", 31) + "\n"}, "has 31 bytes"},
		{"a token no request can carry", map[string]string{"token": strings.Repeat("x", 4097)}, "at most 4096"},
		{"a token with a space", map[string]string{"token": external + " " + external}, "cannot carry"},
		{"a token with a line break within", map[string]string{"token": external + "\n" + external}, "cannot carry"},
		{"a token beyond ASCII", map[string]string{"token": external + "é"}, "cannot carry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			secret := secretWith(tc.data)
			redacted := secret.DeepCopy()
			auth.Redact(redacted)
			for _, s := range []*corev1.Secret{secret, redacted} {
				got, err := auth.SecretHash(s)
				switch {
				case tc.problem == "" && (err != nil || got != hash):
					t.Errorf("hash %s, error %v; want %s", got, err, hash)
				case tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)):
					t.Errorf("hash %s, error %v; want an error with %q", got, err, tc.problem)
				}
			}
		})
	}
}

func TestSecretHashOfOtherSecrets(t *testing.T) {
	opaque := secretWith(map[string]string{"token": external})
	opaque.Type = corev1.SecretTypeOpaque
	if _, err := auth.SecretHash(opaque); err == nil {
		t.Error("a Secret of another type authenticates")
	}
	going := secretWith(map[string]string{"token": external})
	going.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	if _, err := auth.SecretHash(going); err == nil {
		t.Error("a Secret that is being deleted authenticates")
	}
}

func TestRedactLeavesNoToken(t *testing.T) {
	secret := secretWith(map[string]string{"token": external, "endpoint": "https://scim.example.com/scim/v2"})
	secret.Annotations = map[string]string{
		corev1.LastAppliedConfigAnnotation: `{"stringData":{"token":"` + external + `"}}`,
		"mine":                             "stays",
	}
	secret.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	auth.Redact(secret)
	if text := secret.String(); strings.Contains(text, external) {
		t.Errorf("the token is still in %s", text)
	}
	if string(secret.Data["endpoint"]) == "" || secret.Annotations["mine"] != "stays" || secret.ManagedFields != nil {
		t.Errorf("wrong things were dropped: %s", secret)
	}
	auth.Redact(secret)
	if _, err := auth.SecretHash(secret); err == nil {
		t.Error("a digest that was there before redaction is believed")
	}
}
