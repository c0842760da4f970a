// Package deleteuser is kubectl cloudsso delete-user: the guarded deletion of a user.
package deleteuser

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
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
			deletion := &plugin.Deletion{
				Client: c, User: users[0], Directory: d, Limit: limit, Now: p.Now,
				Turned: func(step string) { fmt.Fprintf(p.ErrOut, "directory %s: %s\n", namespace, step) },
			}
			return run(cmd.Context(), p, deletion, yes)
		},
	}
	cmd.Flags().DurationVar(&limit, "for", defaultLimit, "how long synchronization is off at most, and how long to wait for the user to be gone")
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

// run deletes the user when the person agrees.
func run(ctx context.Context, p *plugin.Plugin, deletion *plugin.Deletion, yes bool) error {
	if err := deletion.Refusal(); err != nil {
		return err
	}
	if err := p.Confirm(ctx, yes, strings.Join(deletion.Consequences(), "\n  - ")); err != nil {
		return err
	}
	done, err := deletion.Run(ctx)
	if done != "" {
		fmt.Fprintln(p.Out, done)
	}
	return err
}
