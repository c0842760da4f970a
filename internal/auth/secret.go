package auth

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// What Redact leaves of a token: its hash, or what is wrong with it. Never on a stored object.
const (
	annotationDigest  = "cloudsso.dev/redacted-token-sha256"
	annotationProblem = "cloudsso.dev/redacted-token-problem"
)

// SecretHash returns the hash of the token that a credential's Secret stands for, or what is wrong with
// the Secret, for the person who has to mend it.
//
// A token, where there is one, decides; tokenHash is then only its copy, and may be missing or stale.
// Once the token has been removed, tokenHash decides. Space around either is ignored: a line break at
// the end is what "echo" leaves. Redacted Secrets are read like others.
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

// StoredHash returns what a Secret holds under tokenHash, if that is a hash.
func StoredHash(secret *corev1.Secret) (TokenHash, bool) {
	hash, err := parseHash(string(bytes.TrimSpace(secret.Data[v1alpha1.SecretKeyTokenHash])))
	return hash, err == nil
}

// Redact takes the token out of a Secret that is to be kept in memory, and leaves what SecretHash needs.
// It also drops what else may hold a copy of it: the managed fields, and kubectl's last-applied annotation.
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
