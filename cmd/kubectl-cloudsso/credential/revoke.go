package credential

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func newRevoke(p *plugin.Plugin) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Delete a credential, so that its token is refused",
		Long: "Deletes a credential. Its token is refused within a second, and cannot be brought back. Its slot is free for another\n" +
			"credential.",
		Example: "  kubectl cloudsso credential revoke okta-2026 -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteCredential,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			all, err := plugin.CredentialsOf(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			var revoked v1alpha1.SCIMCredential
			if err := c.Get(cmd.Context(), client.ObjectKey{Namespace: namespace, Name: args[0]}, &revoked); err != nil {
				return err
			}
			others := 0
			for i := range all {
				if all[i].Name != revoked.Name && policy.CredentialUsable(&all[i], p.Now()) {
					others++
				}
			}
			p.WarnIfTracked(&revoked)
			if err := p.Confirm(cmd.Context(), yes, consequences(&revoked, others)); err != nil {
				return err
			}
			if err := remove(cmd.Context(), c, &revoked); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "scimcredential %s/%s revoked\n", namespace, revoked.Name)
			return nil
		},
	}
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

// consequences says what the end of a credential means. others is how many other credentials are usable.
func consequences(c *v1alpha1.SCIMCredential, others int) string {
	text := fmt.Sprintf("This deletes credential %s/%s; %s. Its token cannot be used again.", c.Namespace, c.Name, lastUse(c))
	if others == 0 {
		text += " No other credential is usable: the identity provider cannot connect until it has the token of a new one."
	}
	return text
}
