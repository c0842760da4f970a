// Package groups is kubectl cloudsso groups: the groups of a directory.
package groups

import (
	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	objects := plugin.Objects{Resource: plugin.Groups}
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "List the groups of a directory",
		Example: "  kubectl cloudsso groups -n acme\n" +
			"  # With all fields, for a program\n" +
			"  kubectl cloudsso groups -n acme -o json",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.Print(cmd.Context(), objects)
			return err
		},
	}
	objects.AddFlags(cmd, "metadata.name, spec.displayName, spec.externalId, spec.source")
	return cmd
}
