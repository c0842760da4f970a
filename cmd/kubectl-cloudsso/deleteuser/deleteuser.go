// Package deleteuser is kubectl cloudsso delete-user: the guarded deletion of a user.
package deleteuser

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// defaultLimit is how long synchronization is off at most: the deletion of a user who is in many groups takes seconds.
	defaultLimit = 5 * time.Minute
	// minLimit leaves time for the deletion, even if the operator's clock is some seconds ahead of the API server's.
	minLimit = 30 * time.Second
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var yes bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "delete-user USERNAME",
		Short: "Delete a user for good, also a synchronized one",
		Long: "Deletes the user that has a userName, in any spelling, or a metadata.name. A synchronized user cannot be deleted while\n" +
			"synchronization is on. So the command turns it off, deletes the user, and turns it on. If it is interrupted in between,\n" +
			"the operator turns it on at a time that was set before. The command stops if a tool applies the object from Git.\n" +
			"While synchronization is off, people with the right in RBAC can change and delete all synchronized users and groups.",
		Example: "  kubectl cloudsso delete-user ada@example.com -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteUserName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < minLimit {
				return fmt.Errorf("--for %s is too short: give at least %s", limit, minLimit)
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			users, err := plugin.FindUsers(cmd.Context(), c, namespace, args[0])
			if err != nil {
				return err
			}
			if len(users) > 1 {
				return fmt.Errorf("%d users have the userName %q: give the metadata.name of one (kubectl cloudsso user %s -n %s shows them)", len(users), args[0], args[0], namespace)
			}
			d, err := plugin.Directory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			deletion := &deletion{Plugin: p, c: c, user: users[0], directory: d, limit: limit}
			if err := errors.Join(deletion.refuseTracked(), deletion.refuseBreak()); err != nil {
				return err
			}
			if err := p.Confirm(cmd.Context(), yes, deletion.consequences()); err != nil {
				return err
			}
			return deletion.run(cmd.Context())
		},
	}
	cmd.Flags().DurationVar(&limit, "for", defaultLimit, "how long synchronization is off at most, and how long to wait for the user to be gone")
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

// isSynchronized reports whether the guard protects the user.
func (d *deletion) isSynchronized() bool { return policy.SourceOf(d.user) == v1alpha1.SourceSCIM }

// needsBreak reports whether the guard has to be lifted.
func (d *deletion) needsBreak() bool {
	return d.isSynchronized() && policy.SwitchOf(d.directory).HoldsDeletions()
}

// refuseTracked refuses what a tool would turn back: the user, or the switch in the midst of the deletion.
func (d *deletion) refuseTracked() error {
	if tool := plugin.TrackedBy(d.user); tool != "" {
		return fmt.Errorf("%s applies user %s: nothing was changed. Remove it from the source, and %s deletes it", tool, d.user.Name, tool)
	}
	tool := plugin.SwitchTrackedBy(d.directory)
	if tool == "" || !d.needsBreak() {
		return nil
	}
	return fmt.Errorf("%s applies the switch of CloudSSODirectory %s of namespace %s, and may turn synchronization on before the user is gone: nothing was changed. "+
		"Set spec.scimSynchronization to Disabled at the source. When %s has applied it, run this command again, and then set it back to Enabled. "+
		"If %s does not apply it again, turn it off by hand (%s), run this command again, and turn it on (%s)",
		tool, v1alpha1.DirectoryName, d.directory.Namespace, tool, tool, plugin.DisableCommand(d.directory.Namespace), plugin.EnableCommand(d.directory.Namespace))
}

// refuseBreak refuses a break that the operator would not end, and one within another break, whose end would hold the deletion.
func (d *deletion) refuseBreak() error {
	namespace := d.directory.Namespace
	switch at := d.directory.Spec.ResumeAt; {
	case !d.isSynchronized():
	case policy.SwitchOf(d.directory) == policy.SwitchAwaitingActivation:
		return fmt.Errorf("directory %s is not activated, and until then the operator does not turn synchronization on if this command is interrupted: nothing was changed. "+
			"Activate it first (docs/restore.md), or turn synchronization off by hand (%s), run this command again, and turn it on (%s)",
			namespace, plugin.DisableCommand(namespace), plugin.EnableCommand(namespace))
	case !d.needsBreak() && at != nil:
		return fmt.Errorf("another break is on until %s: nothing was changed. Wait until it is over, or, if it is yours, delete the user within it: kubectl -n %s delete cloudssouser %s",
			at.UTC().Format(time.RFC3339), namespace, d.user.Name)
	}
	return nil
}

// consequences says what the deletion means.
func (d *deletion) consequences() string {
	lines := []string{fmt.Sprintf("This deletes user %s (userName %s, source %s) of directory %s for good, with its memberships and its access.",
		d.user.Name, plugin.Printable(d.user.Spec.UserName), policy.SourceOf(d.user), d.user.Namespace)}
	if d.isSynchronized() && d.user.Spec.DeprovisionedAt == nil {
		lines = append(lines, "  - The identity provider has not deleted it: it may create the user again, with another id. Unassign the user there first.")
	}
	if d.needsBreak() {
		lines = append(lines, "  - Synchronization is turned off until the user is gone, at most for "+d.limit.String()+". Requests of the identity provider are\n"+
			"    refused in that time, and it does not repeat them: kubectl cloudsso status says whether there were any.",
			"  - In that time people with the right in RBAC can change and delete all synchronized users and groups, and delete the directory.")
	}
	return strings.Join(lines, "\n")
}
