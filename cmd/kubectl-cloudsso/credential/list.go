package credential

import (
	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

func newList(p *plugin.Plugin) *cobra.Command {
	objects := plugin.Objects{Resource: plugin.Credentials}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List credentials: whether they are usable, when they expire and when they were last used",
		Example: "  kubectl cloudsso credential list -n acme -o wide",
		Args:    plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.Print(cmd.Context(), objects)
			return err
		},
	}
	objects.AddFlags(cmd, "metadata.name")
	return cmd
}
