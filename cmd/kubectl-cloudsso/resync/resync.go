// Package resync is kubectl cloudsso resync: it acknowledges a full push of the identity provider.
package resync

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var yes bool
	var at string
	cmd := &cobra.Command{
		Use:   "resync",
		Short: "Acknowledge that a full push of the identity provider has succeeded",
		Long: "Sets the annotation cloudsso.dev/resynced of the directory. It says that a full push of the identity provider has made\n" +
			"up for every write that was refused before. By default these are the writes that the command shows, and none that is\n" +
			"refused later: the clock of this machine decides nothing. If the switch was off during the push, give the time at which\n" +
			"the push began with --at.",
		Example: "  kubectl cloudsso resync -n acme\n" +
			"  kubectl cloudsso resync -n acme --at 2027-01-31T12:00:00Z",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := timeOfPush(at, p.Now())
			if err != nil {
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
			missed := policy.MissedWrites(d, p.Now())
			if missed == nil {
				fmt.Fprintf(p.Out, "directory %s: no refused write waits for a full push\n", namespace)
				return nil
			}
			pushed := given
			if pushed.IsZero() {
				pushed = plugin.PushAfter(missed)
			}
			if pushed.IsZero() {
				return fmt.Errorf("the status of directory %s does not say when its writes were refused, so nothing was changed: give the time of the push with --at", namespace)
			}
			p.WarnIfTracked(d)
			if err := p.Confirm(cmd.Context(), yes, consequences(namespace, missed, pushed)); err != nil {
				return err
			}
			if err := plugin.AcknowledgePush(cmd.Context(), c, d, pushed); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "directory %s: the writes refused before %s are acknowledged\n", namespace, pushed.UTC().Format(time.RFC3339))
			if !given.IsZero() && policy.MissedWrites(d, p.Now()) != nil {
				fmt.Fprintln(p.ErrOut, "warning: writes were refused after that time: another full push is needed")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "the time of the push, RFC 3339; after the last refused write if absent")
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

// timeOfPush returns the time before which refused writes are made up for; the zero time if none is given.
func timeOfPush(at string, now time.Time) (time.Time, error) {
	if at == "" {
		return time.Time{}, nil
	}
	pushed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}, fmt.Errorf("--at %q is no time of RFC 3339: give one like 2027-01-31T12:00:00Z", at)
	}
	if pushed.After(now) {
		return time.Time{}, fmt.Errorf("--at %s is in the future: give the time at which the push began", at)
	}
	return pushed.UTC(), nil
}

func consequences(namespace string, missed *v1alpha1.RefusedWrites, pushed time.Time) string {
	text := fmt.Sprintf("Refused writes to directory %s: %d. The last ones:\n", namespace, missed.Count)
	for _, write := range missed.Last {
		text += fmt.Sprintf("  %s %s %s\n", write.Time.UTC().Format(time.RFC3339), plugin.Printable(write.Method), plugin.Printable(write.Resource))
	}
	return text + fmt.Sprintf("This says that a full push of the identity provider has made up for all that were refused before %s.\n"+
		"If none has succeeded, the directory stays without these changes, and nothing reminds of them.", pushed.UTC().Format(time.RFC3339))
}
