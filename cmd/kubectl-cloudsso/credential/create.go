package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

const (
	// usableTimeout is how long the operator may take to accept a new credential: a second, unless it is starting.
	usableTimeout = 10 * time.Second
	// usableInterval is how often a new credential is looked at.
	usableInterval = 200 * time.Millisecond
)

func newCreate(p *plugin.Plugin) *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a credential and print its token",
		Long: "Makes a token on this machine, creates a SCIMCredential with the hash of the token, and prints the token to the standard\n" +
			"output, once. The cluster never has the token. Everything else goes to the standard error.",
		Example: "  kubectl cloudsso credential create okta -n acme --description 'Okta production'\n" +
			"  # Into a vault, past the screen\n" +
			"  kubectl cloudsso credential create okta -n acme | vault kv put secret/scim/acme token=-",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.validate(); err != nil {
				return err
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			d, err := plugin.Directory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			if err := plugin.NeedFreeSlot(cmd.Context(), c, namespace); err != nil {
				return err
			}
			created, err := mint(cmd.Context(), p, c, plugin.NewCredential{
				Namespace: namespace,
				NameOf:    func(auth.TokenHash) string { return args[0] },
				Spec:      s.newSpec(p.Now(), v1alpha1.SCIMCredentialSpec{}),
			})
			if err != nil {
				return err
			}
			if err := waitUsable(cmd.Context(), c, created); err != nil {
				p.Warn(err)
			}
			if d.Status.Endpoint != "" {
				fmt.Fprintf(p.ErrOut, "Enter it in the identity provider, with the URL %s\n", plugin.Printable(d.Status.Endpoint))
			}
			return nil
		},
	}
	s.addFlags(cmd.Flags(), "", "; all if absent")
	return cmd
}

// errNotAccepted says that the operator has looked at a credential and does not accept it.
var errNotAccepted = errors.New("the credential is not accepted")

// waitUsable waits until the operator accepts a credential, and returns why it is not known to. A read that fails is repeated.
func waitUsable(ctx context.Context, c client.Client, credential *v1alpha1.SCIMCredential) error {
	failure := errors.New("its status does not say so yet")
	err := wait.PollUntilContextTimeout(ctx, usableInterval, usableTimeout, true, func(ctx context.Context) (bool, error) {
		if err := plugin.RereadCredential(ctx, c, credential); plugin.IsFinal(err) {
			return false, err
		} else if err != nil {
			failure = err
			return false, nil
		}
		usable := meta.FindStatusCondition(credential.Status.Conditions, v1alpha1.ConditionUsable)
		if usable != nil && usable.Status != metav1.ConditionTrue {
			return false, fmt.Errorf("%w: %s", errNotAccepted, usable.Message)
		}
		return usable != nil, nil
	})
	switch {
	case err == nil, errors.Is(err, errNotAccepted):
		return err
	case plugin.IsFinal(err):
		failure = err
	}
	return fmt.Errorf("the operator is not known to have accepted credential %s: %w; kubectl cloudsso status -n %s shows its state", credential.Name, failure, credential.Namespace)
}
