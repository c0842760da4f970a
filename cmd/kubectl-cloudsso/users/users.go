// Package users is kubectl cloudsso users: the users of a directory.
package users

import (
	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	objects := plugin.Objects{Resource: plugin.Users}
	cmd := &cobra.Command{
		Use:   "users",
		Short: "List the users of a directory",
		Long:  "Lists the users of a directory in pages of 500, so that a directory of any size can be listed.",
		Example: "  kubectl cloudsso users -n acme\n" +
			"  # Those that people or GitOps have declared, in all directories\n" +
			"  kubectl cloudsso users -A --field-selector spec.source=Manual",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.Print(cmd.Context(), objects)
			return err
		},
	}
	objects.AddFlags(cmd, "metadata.name, spec.userName, spec.externalId, spec.displayName, spec.source")
	return cmd
}
