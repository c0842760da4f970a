package credential

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
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
			effects := append(plugin.RevokeEffects(&revoked), plugin.EndDanger(&revoked, all, p.Now()))
			p.WarnIfTracked(&revoked)
			if err := p.Confirm(cmd.Context(), yes, strings.TrimSpace(strings.Join(effects, " "))); err != nil {
				return err
			}
			if err := plugin.RevokeCredential(cmd.Context(), c, &revoked); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "scimcredential %s/%s revoked\n", namespace, revoked.Name)
			return nil
		},
	}
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}
