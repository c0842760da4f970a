// Package user is kubectl cloudsso user: one user, by userName.
package user

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	objects := plugin.Objects{Resource: plugin.Users, LastChange: true}
	cmd := &cobra.Command{
		Use:   "user USERNAME",
		Short: "Show one user by userName",
		Long: "Shows the user that has a userName, in any spelling, or a metadata.name. If no live user has the userName, it shows\n" +
			"the deprovisioned users that had it: several can have had the same one. The table says which request has changed the user\n" +
			"last: when, what it asked for, with which credential, and the id under which the provisioning log has it.",
		Example: "  kubectl cloudsso user ada@example.com -n acme\n" +
			"  kubectl cloudsso user ADA@example.com -n acme -o yaml",
		Args: cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteUserName,
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := find(cmd.Context(), p, args[0])
			if err != nil {
				return err
			}
			objects.Names, objects.Single = names, len(names) == 1
			_, err = p.Print(cmd.Context(), objects)
			return err
		},
	}
	objects.AddOutputFlags(cmd)
	return cmd
}

// find returns the names of the users that have a userName, or had it.
func find(ctx context.Context, p *plugin.Plugin, name string) ([]string, error) {
	c, namespace, err := p.Connect()
	if err != nil {
		return nil, err
	}
	users, err := plugin.FindUsers(ctx, c, namespace, name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Name
	}
	return names, nil
}
