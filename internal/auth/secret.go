package auth

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Redact replaces a token by one of these annotations: its hash, or its problem. No stored object has them.
const (
	annotationDigest  = "cloudsso.dev/redacted-token-sha256"
	annotationProblem = "cloudsso.dev/redacted-token-problem"
)

// SecretHash returns the hash of the token of a credential's Secret. Its error says what is wrong with the Secret,
// for the person who has to correct it.
//
// If the Secret has a token, the token decides, and tokenHash may be missing or stale. Otherwise tokenHash decides.
// White space around either is ignored, because "echo" adds a line break. A redacted Secret is accepted too.
func SecretHash(secret *corev1.Secret) (TokenHash, error) {
	switch {
	case secret.Type != v1alpha1.SecretTypeSCIMCredential:
		return TokenHash{}, fmt.Errorf("it has type %q, not %q", secret.Type, v1alpha1.SecretTypeSCIMCredential)
	case !secret.DeletionTimestamp.IsZero():
		return TokenHash{}, errors.New("it is being deleted")
	}
	if token, ok := secret.Data[v1alpha1.SecretKeyToken]; ok {
		return hashChecked(token)
	}
	if problem, ok := secret.Annotations[annotationProblem]; ok {
		return TokenHash{}, errors.New(problem)
	}
	if digest, ok := secret.Annotations[annotationDigest]; ok {
		return parseHash(digest)
	}
	hash, ok := StoredHash(secret)
	if !ok {
		return TokenHash{}, fmt.Errorf("it holds neither %s (at least %d bytes) nor %s (the token's SHA-256, 64 hex digits)",
			v1alpha1.SecretKeyToken, MinTokenBytes, v1alpha1.SecretKeyTokenHash)
	}
	return hash, nil
}

// StoredHash returns the value of a Secret's key tokenHash, if it is a hash.
func StoredHash(secret *corev1.Secret) (TokenHash, bool) {
	hash, err := parseHash(string(bytes.TrimSpace(secret.Data[v1alpha1.SecretKeyTokenHash])))
	return hash, err == nil
}

// Redact removes the token from a Secret that is kept in memory, and adds what SecretHash needs instead. It also
// removes kubectl's last-applied annotation, which may hold a copy of the token, and the managed fields.
func Redact(secret *corev1.Secret) {
	secret.ManagedFields = nil
	for _, a := range []string{corev1.LastAppliedConfigAnnotation, annotationDigest, annotationProblem} {
		delete(secret.Annotations, a)
	}
	token, ok := secret.Data[v1alpha1.SecretKeyToken]
	if !ok {
		return
	}
	delete(secret.Data, v1alpha1.SecretKeyToken)
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	if hash, err := hashChecked(token); err != nil {
		secret.Annotations[annotationProblem] = err.Error()
	} else {
		secret.Annotations[annotationDigest] = hash.String()
	}
}

func hashChecked(raw []byte) (TokenHash, error) {
	token := string(bytes.TrimSpace(raw))
	if err := checkToken(token); err != nil {
		return TokenHash{}, err
	}
	return HashToken(token), nil
}

func parseHash(text string) (hash TokenHash, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(hash) {
		return TokenHash{}, fmt.Errorf("%q is no SHA-256 in hex", v1alpha1.SecretKeyTokenHash)
	}
	return TokenHash(raw), nil
}
