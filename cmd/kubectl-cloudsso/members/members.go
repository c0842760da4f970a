// Package members is kubectl cloudsso members: the users that are members of a group.
package members

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	objects := plugin.Objects{Resource: plugin.Users}
	cmd := &cobra.Command{
		Use:   "members GROUP",
		Short: "List the members of a group",
		Long: "Lists the users that are members of a group, those in its slices too. The group is found by displayName in any\n" +
			"spelling, or by metadata.name.",
		Example: "  kubectl cloudsso members Developers -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			group, err := plugin.FindGroup(cmd.Context(), c, namespace, args[0])
			if err != nil {
				return err
			}
			objects.Names, err = plugin.MembersOf(cmd.Context(), c, group)
			if err != nil {
				return fmt.Errorf("reading the slices of group %s: %w", group.Name, err)
			}
			missing, err := p.Print(cmd.Context(), objects)
			if err == nil && len(missing) > 0 {
				fmt.Fprintln(p.ErrOut, "warning:", warning(missing))
			}
			return err
		},
	}
	objects.AddOutputFlags(cmd)
	return cmd
}

// shownNames is how many names of absent users a warning has: enough to look for the cause.
const shownNames = 10

func warning(missing []string) string {
	more := ""
	if rest := len(missing) - shownNames; rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	return fmt.Sprintf("the group lists users that do not exist: %s%s", strings.Join(missing[:min(len(missing), shownNames)], ", "), more)
}
