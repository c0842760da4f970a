// Package sync is kubectl cloudsso sync: the switch of a directory.
package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
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
	var limit time.Duration
	cmd := &cobra.Command{
		Use:     t.verb,
		Short:   t.short,
		Example: fmt.Sprintf("  kubectl cloudsso sync %s -n acme", t.verb),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 || cmd.Flags().Changed("for") && limit < minLimit {
				return fmt.Errorf("--for %s is too short: give at least %s", limit, minLimit)
			}
			return t.run(cmd.Context(), p, yes, limit)
		},
	}
	if t.position == v1alpha1.SynchronizationDisabled {
		cmd.Example += "\n  kubectl cloudsso sync disable -n acme --for 10m"
		cmd.Flags().DurationVar(&limit, "for", 0, "how long, as in 10m: then the operator turns it on; if absent, until a person does")
	}
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

// run turns the switch; limit is how long it is off, zero for no limit.
func (t turn) run(ctx context.Context, p *plugin.Plugin, yes bool, limit time.Duration) error {
	c, namespace, err := p.Connect()
	if err != nil {
		return err
	}
	d, err := plugin.Directory(ctx, c, namespace)
	if err != nil {
		return err
	}
	before := until(d)
	if d.Spec.SCIMSynchronization == t.position && limit == 0 && before == "" {
		fmt.Fprintf(p.Out, "directory %s: synchronization is %s already\n", namespace, t.position)
		return nil
	}
	p.WarnIfSwitchTracked(d)
	if err := p.Confirm(ctx, yes, fmt.Sprintf(t.consequences, namespace)+t.end(d, limit)); err != nil {
		return err
	}
	if limit > 0 {
		_, err = plugin.Pause(ctx, c, d, p.Now(), limit)
	} else {
		err = plugin.Turn(ctx, c, d, t.position)
	}
	if err != nil {
		return err
	}
	after := until(d)
	if t.position == v1alpha1.SynchronizationDisabled && after == "" && before != "" {
		after = ", no longer" + before
	}
	fmt.Fprintf(p.Out, "directory %s: synchronization is %s%s\n", namespace, t.position, after)
	fmt.Fprintf(p.ErrOut, t.after+"\n", namespace)
	return nil
}

// minLimit is the shortest break: a time is stored in whole seconds, and the clocks of the API server and the operator differ by some.
const minLimit = 10 * time.Second

// end says when a break ends, if that is not when a person ends it or differs from what was set before.
func (t turn) end(d *v1alpha1.CloudSSODirectory, limit time.Duration) string {
	switch {
	case limit > 0 && !policy.IsActivated(d):
		return fmt.Sprintf("\n  - The operator turns it on again after %s, but not before a person has activated the directory (docs/restore.md).", limit)
	case limit > 0:
		return fmt.Sprintf("\n  - The operator turns it on again after %s.", limit)
	case t.position == v1alpha1.SynchronizationDisabled && until(d) != "":
		return "\n  - It is off" + until(d) + " now. That end is removed: it stays off until a person turns it on."
	}
	return ""
}

// until says when the operator turns the switch on; "" if it does not.
func until(d *v1alpha1.CloudSSODirectory) string {
	if d.Spec.ResumeAt == nil || d.Spec.SCIMSynchronization == v1alpha1.SynchronizationEnabled {
		return ""
	}
	return " until " + d.Spec.ResumeAt.UTC().Format(time.RFC3339)
}
