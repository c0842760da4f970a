// Package credential is kubectl cloudsso credential: the credentials of a directory, and the life of their tokens.
package credential

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "credential",
		Aliases: []string{"credentials"},
		Short:   "Create, rotate, list and revoke the credentials of identity providers",
		Args:    plugin.NoArguments,
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

// addFlags adds the flags. The usages end with what holds if a flag is absent.
func (s *settings) addFlags(flags *pflag.FlagSet, description, networks string) {
	flags.StringVar(&s.description, "description", "", "what the credential is for"+description)
	flags.DurationVar(&s.expiresIn, "expires-in", 0, "how long the credential is valid, such as 2160h; a year if absent")
	flags.StringSliceVar(&s.allowedNetworks, "allowed-network", nil, "a network that requests may come from, such as 203.0.113.0/24"+networks)
}

func (s *settings) validate() error {
	if s.expiresIn < 0 {
		return fmt.Errorf("--expires-in %s is in the past: give a time from now on, such as 2160h", s.expiresIn)
	}
	return nil
}

// newSpec returns the spec of a credential, without a token's hash. What the flags don't say is taken from another credential.
func (s *settings) newSpec(now time.Time, from v1alpha1.SCIMCredentialSpec) v1alpha1.SCIMCredentialSpec {
	spec := v1alpha1.SCIMCredentialSpec{Description: from.Description, AllowedNetworks: from.AllowedNetworks}
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

// mint creates a credential with a new token, and prints the token.
func mint(ctx context.Context, p *plugin.Plugin, c client.Client, n plugin.NewCredential) (*v1alpha1.SCIMCredential, error) {
	created, token, err := plugin.Mint(ctx, c, p.Random, n)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(p.ErrOut, "scimcredential %s/%s created. This is its token, which is shown only now:\n", created.Namespace, created.Name)
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
