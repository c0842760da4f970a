// Package credential is kubectl cloudsso credential: the credentials of a directory, and the life of their tokens.
package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "credential",
		Aliases: []string{"credentials"},
		Short:   "Create, rotate, list and revoke the credentials of identity providers",
		Args:    cobra.NoArgs,
	}
	cmd.AddCommand(newCreate(p), newRotate(p), newList(p), newRevoke(p))
	return cmd
}

// settings are the flags for a new credential.
type settings struct {
	description     string
	expiresIn       time.Duration
	allowedNetworks []string
}

func (s *settings) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.description, "description", "", "what the credential is for")
	flags.DurationVar(&s.expiresIn, "expires-in", 0, "how long the credential is valid, such as 2160h; a year if absent")
	flags.StringSliceVar(&s.allowedNetworks, "allowed-network", nil, "a network that requests may come from, such as 203.0.113.0/24; all if absent")
}

func (s *settings) validate() error {
	if s.expiresIn < 0 {
		return fmt.Errorf("--expires-in %s is in the past: give a time from now on, such as 2160h", s.expiresIn)
	}
	return nil
}

// newSpec returns the spec of a credential that accepts a token. What the flags don't say is taken from another credential.
func (s *settings) newSpec(hash auth.TokenHash, now time.Time, from v1alpha1.SCIMCredentialSpec) v1alpha1.SCIMCredentialSpec {
	spec := v1alpha1.SCIMCredentialSpec{TokenHash: hash.String(), Description: from.Description, AllowedNetworks: from.AllowedNetworks}
	if s.description != "" {
		spec.Description = s.description
	}
	if len(s.allowedNetworks) > 0 {
		spec.AllowedNetworks = s.allowedNetworks
	}
	if s.expiresIn > 0 {
		spec.ExpiresAt = &metav1.Time{Time: now.Add(s.expiresIn)}
	}
	return spec
}

// needFreeSlot returns an error if a directory has no room for one more credential.
func needFreeSlot(ctx context.Context, c client.Client, namespace string) error {
	all, err := plugin.CredentialsOf(ctx, c, namespace)
	if err != nil || len(all) < v1alpha1.MaxCredentials {
		return err
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return fmt.Errorf("directory %s has the credentials %s, and no more than %d can authenticate: revoke one first (kubectl cloudsso credential list -n %s shows which is used)",
		namespace, strings.Join(names, " and "), v1alpha1.MaxCredentials, namespace)
}

// mint creates a credential with a new token, and prints the token. The token exists only there: the cluster gets its hash.
func mint(ctx context.Context, p *plugin.Plugin, c client.Client, namespace string, nameOf func(auth.TokenHash) string, specOf func(auth.TokenHash) v1alpha1.SCIMCredentialSpec) (*v1alpha1.SCIMCredential, error) {
	token, err := auth.NewToken(p.Random, namespace)
	if err != nil {
		return nil, err
	}
	hash := auth.HashToken(token)
	created := &v1alpha1.SCIMCredential{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: nameOf(hash)},
		Spec:       specOf(hash),
	}
	if err := c.Create(ctx, created, client.FieldOwner(plugin.FieldManager)); err != nil {
		return nil, err
	}
	fmt.Fprintf(p.ErrOut, "scimcredential %s/%s created. This is its token, which is shown only now:\n", namespace, created.Name)
	if printers.IsTerminal(p.Out) {
		token += "\n" // for a program, a line break would be a part of the token
	}
	if _, err := io.WriteString(p.Out, token); err != nil {
		return nil, &lostTokenError{created, err}
	}
	return created, nil
}

// lostTokenError says that the token of a new credential was not printed. It does not unwrap, because main is silent about a
// closed pipe otherwise.
type lostTokenError struct {
	credential *v1alpha1.SCIMCredential
	cause      error
}

// Error returns which token is lost, and what to do.
func (e *lostTokenError) Error() string {
	name, namespace := e.credential.Name, e.credential.Namespace
	return fmt.Sprintf("the token of credential %s could not be printed and is lost: %v; revoke it: kubectl cloudsso credential revoke %s -n %s", name, e.cause, name, namespace)
}

// errReplaced says that a credential was deleted and another of its name was created.
var errReplaced = errors.New("it was replaced by another credential of the same name")

// reread reads a credential again. Another credential of the same name is an error.
func reread(ctx context.Context, c client.Client, credential *v1alpha1.SCIMCredential) error {
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

// isFinal reports whether an error of reread stays if the read is repeated. 401 does not: the person's own token may be
// renewed.
func isFinal(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || errors.Is(err, errReplaced)
}

// remove deletes the credential that was read, not another of the same name. Its token is refused within a second.
func remove(ctx context.Context, c client.Client, credential *v1alpha1.SCIMCredential) error {
	return c.Delete(ctx, credential, client.Preconditions{UID: &credential.UID})
}

func lastUse(c *v1alpha1.SCIMCredential) string {
	if c.Status.LastUsedTime.IsZero() {
		return "it was never used"
	}
	return "it was last used at " + c.Status.LastUsedTime.UTC().Format(time.RFC3339)
}
