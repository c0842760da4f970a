// Package sync is kubectl cloudsso sync: the switch of a directory.
package sync

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Turn the synchronization of a directory on or off",
		Args:  plugin.NoArguments,
	}
	cmd.AddCommand(enable.newCommand(p), disable.newCommand(p))
	return cmd
}

// turn is one way to turn the switch.
type turn struct {
	verb, short string
	position    v1alpha1.Synchronization
	// after says what to do afterwards.
	after string
}

var (
	enable = turn{
		verb: "enable", short: "Let the identity provider write, and protect synchronized objects",
		position: v1alpha1.SynchronizationEnabled,
		after:    "If writes were refused while it was off, the identity provider does not repeat them: kubectl cloudsso status -n %[1]s says so.",
	}
	disable = turn{
		verb: "disable", short: "Refuse the identity provider's requests, and permit changes by hand",
		position: v1alpha1.SynchronizationDisabled,
		after:    "When the changes are done: kubectl cloudsso sync enable -n %[1]s",
	}
)

func (t turn) newCommand(p *plugin.Plugin) *cobra.Command {
	var yes bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use:     t.verb,
		Short:   t.short,
		Example: fmt.Sprintf("  kubectl cloudsso sync %s -n acme", t.verb),
		Args:    plugin.NoArguments,
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
	before := plugin.DisabledUntil(d)
	if d.Spec.SCIMSynchronization == t.position && limit == 0 && before == "" {
		fmt.Fprintf(p.Out, "directory %s: synchronization is %s already\n", namespace, t.position)
		return nil
	}
	p.WarnIfSwitchTracked(d)
	if err := p.Confirm(ctx, yes, t.consequences(d, limit)); err != nil {
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
	after := plugin.DisabledUntil(d)
	if t.position == v1alpha1.SynchronizationDisabled && after == "" && before != "" {
		after = ", no longer" + before
	}
	fmt.Fprintf(p.Out, "directory %s: synchronization is %s%s\n", namespace, t.position, after)
	fmt.Fprintf(p.ErrOut, t.after+"\n", namespace)
	return nil
}

// minLimit is the shortest break: a time is stored in whole seconds, and the clocks of the API server and the operator differ by some.
const minLimit = 10 * time.Second

// consequences says what the turn means.
func (t turn) consequences(d *v1alpha1.CloudSSODirectory, limit time.Duration) string {
	direction := "on"
	if t.position == v1alpha1.SynchronizationDisabled {
		direction = "off"
	}
	lines := append([]string{fmt.Sprintf("This turns the synchronization of directory %s %s.", d.Namespace, direction)},
		plugin.SwitchEffects(t.position)...)
	if end := plugin.SwitchEnd(d, t.position, limit); end != "" {
		lines = append(lines, end)
	}
	return strings.Join(lines, "\n  - ")
}
