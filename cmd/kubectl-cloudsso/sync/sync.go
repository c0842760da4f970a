// Package sync is kubectl cloudsso sync: the switch of a directory.
package sync

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Turn the synchronization of a directory on or off",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(enable.newCommand(p), disable.newCommand(p))
	return cmd
}

// turn is one way to turn the switch.
type turn struct {
	verb, short string
	position    v1alpha1.Synchronization
	// consequences says what the position means, as a format with the namespace.
	consequences string
	// after says what to do afterwards.
	after string
}

var (
	enable = turn{
		verb: "enable", short: "Let the identity provider write, and protect synchronized objects",
		position: v1alpha1.SynchronizationEnabled,
		consequences: "This turns the synchronization of directory %s on.\n" +
			"  - Requests of the identity provider are served.\n" +
			"  - Synchronized users and groups can be neither changed nor deleted by hand.\n" +
			"  - What was changed by hand stays until the identity provider writes the same attributes.",
		after: "If writes were refused while it was off, the identity provider does not repeat them: kubectl cloudsso status -n %[1]s says so.",
	}
	disable = turn{
		verb: "disable", short: "Refuse the identity provider's requests, and permit changes by hand",
		position: v1alpha1.SynchronizationDisabled,
		consequences: "This turns the synchronization of directory %s off.\n" +
			"  - Requests of the identity provider are refused with 403, from the next request on. It does not repeat them: a user who\n" +
			"    is deactivated there in the meantime keeps access here.\n" +
			"  - People with the right in RBAC can change and delete synchronized users and groups, and delete the directory.",
		after: "When the changes are done: kubectl cloudsso sync enable -n %[1]s",
	}
)

func (t turn) newCommand(p *plugin.Plugin) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     t.verb,
		Short:   t.short,
		Example: fmt.Sprintf("  kubectl cloudsso sync %s -n acme", t.verb),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			d, err := plugin.Directory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			if d.Spec.SCIMSynchronization == t.position {
				fmt.Fprintf(p.Out, "directory %s: synchronization is %s already\n", namespace, t.position)
				return nil
			}
			p.WarnIfTracked(d)
			if err := p.Confirm(cmd.Context(), yes, fmt.Sprintf(t.consequences, namespace)); err != nil {
				return err
			}
			before := d.DeepCopy()
			d.Spec.SCIMSynchronization = t.position
			if err := c.Patch(cmd.Context(), d, client.MergeFrom(before), client.FieldOwner(plugin.FieldManager)); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "directory %s: synchronization is %s\n", namespace, t.position)
			fmt.Fprintf(p.ErrOut, t.after+"\n", namespace)
			return nil
		},
	}
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}
