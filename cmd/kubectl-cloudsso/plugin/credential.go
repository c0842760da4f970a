package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// NewCredential says which credential is created.
type NewCredential struct {
	Namespace string
	// NameOf returns the name of the credential that accepts a token.
	NameOf func(auth.TokenHash) string
	// Spec is that of the credential, without the hash of the token.
	Spec v1alpha1.SCIMCredentialSpec
}

// Mint creates a credential with a new token, and returns both. The token exists only in what it returns: the cluster gets its
// hash.
func Mint(ctx context.Context, c client.Client, random io.Reader, n NewCredential) (created *v1alpha1.SCIMCredential, token string, err error) {
	if token, err = auth.NewToken(random, n.Namespace); err != nil {
		return nil, "", err
	}
	hash := auth.HashToken(token)
	created = &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: n.NameOf(hash)}, Spec: n.Spec}
	created.Spec.TokenHash = hash.String()
	if err := c.Create(ctx, created, Author(ctx, c)); err != nil {
		return nil, "", err
	}
	return created, token, nil
}

// SuccessorName returns the name of the credential that replaces another: the same, with the fingerprint of its own token.
func SuccessorName(old *v1alpha1.SCIMCredential, hash auth.TokenHash) string {
	base := strings.TrimSuffix(old.Name, "-"+auth.ParseTokenHash(old.Spec.TokenHash).Fingerprint())
	return base + "-" + hash.Fingerprint()
}

// NoSlotError says that a directory has no room for one more credential.
type NoSlotError struct {
	namespace string
	// Names are the credentials that the directory has.
	Names []string
}

// Error returns which credentials there are, and what to do.
func (e *NoSlotError) Error() string {
	return fmt.Sprintf("directory %s has the credentials %s, and no more than %d can authenticate: revoke one first (kubectl cloudsso credential list -n %s shows which is used)",
		e.namespace, strings.Join(e.Names, " and "), v1alpha1.MaxCredentials, e.namespace)
}

// NeedFreeSlot returns a NoSlotError if a directory has no room for one more credential.
func NeedFreeSlot(ctx context.Context, c client.Client, namespace string) error {
	all, err := CredentialsOf(ctx, c, namespace)
	if err != nil || len(all) < v1alpha1.MaxCredentials {
		return err
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return &NoSlotError{namespace, names}
}

// errReplaced says that a credential was deleted and another of its name was created.
var errReplaced = errors.New("it was replaced by another credential of the same name")

// RereadCredential reads a credential again. Another credential of the same name is an error.
func RereadCredential(ctx context.Context, c client.Client, credential *v1alpha1.SCIMCredential) error {
	var current v1alpha1.SCIMCredential
	if err := c.Get(ctx, client.ObjectKeyFromObject(credential), &current); err != nil {
		return err
	}
	if current.UID != credential.UID {
		return fmt.Errorf("reading %s: %w", credential.Name, errReplaced)
	}
	*credential = current
	return nil
}

// IsFinal reports whether an error of RereadCredential stays if the read is repeated. 401 does not: the person's own token may be
// renewed.
func IsFinal(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || errors.Is(err, errReplaced)
}

// RevokeCredential deletes the credential that was read, not another of the same name. Its token is refused within a second.
func RevokeCredential(ctx context.Context, c client.Client, credential *v1alpha1.SCIMCredential) error {
	return c.Delete(ctx, credential, client.Preconditions{UID: &credential.UID})
}

// LastUse says when a credential was last used.
func LastUse(c *v1alpha1.SCIMCredential) string {
	if c.Status.LastUsedTime.IsZero() {
		return "it was never used"
	}
	return "it was last used at " + c.Status.LastUsedTime.UTC().Format(time.RFC3339)
}

// RevokeEffects returns what the deletion of a credential means, in sentences.
func RevokeEffects(c *v1alpha1.SCIMCredential) []string {
	return []string{
		fmt.Sprintf("This deletes credential %s/%s; %s.", c.Namespace, c.Name, LastUse(c)),
		"Its token cannot be used again.",
	}
}

// EndDanger says that the identity provider cannot connect if a usable credential ends now; "" if it can. all are the
// credentials of the namespace.
func EndDanger(c *v1alpha1.SCIMCredential, all []v1alpha1.SCIMCredential, now time.Time) string {
	if !policy.CredentialUsable(c, now) {
		return ""
	}
	unused := ""
	for i := range all {
		switch other := &all[i]; {
		case other.Name == c.Name || !policy.CredentialUsable(other, now):
		case !other.Status.LastUsedTime.IsZero():
			return ""
		default:
			unused = other.Name
		}
	}
	switch {
	case unused == "":
		return "No other credential is usable: the identity provider cannot connect then."
	case c.Status.LastUsedTime.IsZero():
		return "" // the identity provider has used neither
	}
	return fmt.Sprintf("The other token, that of %s, has never been used: the identity provider cannot connect until it has that token.", unused)
}
