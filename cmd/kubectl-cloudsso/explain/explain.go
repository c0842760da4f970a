// Package explain is kubectl cloudsso explain: the state and the access of one user, and its last change.
package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "explain USERNAME",
		Short: "Explain a user: its state, its access and through what, and its last change",
		Long: "Explains the user that has a userName, in any spelling, or a metadata.name: its state and why it has that state, its groups,\n" +
			"which request has changed it last, and the access that it has and through what. Without the right to list RoleBindings and\n" +
			"ClusterRoleBindings of the cluster, the access is unknown. kubectl cloudsso log --user shows the changes before the last one.",
		Example: "  kubectl cloudsso explain ada@example.com -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteUserName,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, known := formats[output]
			if !known {
				return fmt.Errorf("--output %q: give text, json or yaml", output)
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			u, err := plugin.FindUser(cmd.Context(), c, namespace, args[0])
			if err != nil {
				return err
			}
			e, err := explain(cmd.Context(), c, u)
			if err != nil {
				return err
			}
			return write(p.Out, e)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, json or yaml")
	plugin.CompleteOutput(cmd, "text", "json", "yaml")
	return cmd
}

// whoHasThePerson says where to find the person of a change, unless the field manager names the person.
func whoHasThePerson(c *plugin.ManualChange) string {
	if c.Person() != "" {
		return ""
	}
	return "; the audit log of the API server has the person"
}

var formats = map[string]func(io.Writer, explanation) error{"text": writeText, "json": writeJSON, "yaml": writeYAML}

func writeText(w io.Writer, e explanation) error {
	fmt.Fprintf(w, "User:         %s\nName:         %s\nDisplay name: %s\nSource:       %s\nState:        %s\n",
		plugin.OrNone(e.UserName), e.User, plugin.OrNone(e.DisplayName), e.Source, plugin.JoinNonEmpty(": ", string(e.State), e.Reason))
	fmt.Fprintf(w, "Groups:       %s\n", plugin.OrNone(e.groupNames()))
	if c := e.LastChange; c != nil {
		fmt.Fprintf(w, "Last change:  %s by credential %s, request %s, %s\n", plugin.OrNone(c.Cause), plugin.OrNone(c.Credential), plugin.OrNone(c.RequestID), plugin.OrNone(c.Time))
	}
	if c := e.ManualChange; c != nil {
		fmt.Fprintf(w, "By hand:      field manager %s owns fields of the spec; its last change of the object was at %s%s\n", plugin.Printable(c.FieldManager), c.Time,
			whoHasThePerson(c))
	}
	if e.AccessUnknown != "" {
		fmt.Fprintf(w, "Access:       unknown: %s\n", plugin.Printable(e.AccessUnknown))
		return nil
	}
	if len(e.Access) == 0 {
		fmt.Fprintln(w, "Access:       none: no assignment names the user or one of its groups")
		return nil
	}
	fmt.Fprintln(w, "Access:")
	table := printers.GetNewTabWriter(w)
	fmt.Fprintln(table, "  ROLE\tWHERE\tGROUP\tASSIGNMENT\tBINDING\tCHANGED\tREQUEST")
	for _, g := range e.Access {
		where := plugin.Place(g.Namespace)
		switch {
		case g.Binding == "":
			where = "not granted: " + plugin.Printable(g.Reason)
		case g.Reason != "":
			where += ", still granted: " + plugin.Printable(g.Reason)
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.Role, where, plugin.OrNone(g.GroupName), g.Assignment,
			plugin.OrNone(g.Binding), plugin.OrNone(g.Time), plugin.OrNone(g.RequestID))
	}
	return table.Flush()
}

// groupNames returns the displayNames of the groups.
func (e explanation) groupNames() string {
	names := make([]string, len(e.Groups))
	for i, g := range e.Groups {
		names[i] = g.DisplayName
	}
	return strings.Join(names, ", ")
}

func writeJSON(w io.Writer, e explanation) error { return plugin.WriteJSON(w, e.complete()) }

func writeYAML(w io.Writer, e explanation) error { return plugin.WriteYAML(w, e.complete()) }

// complete returns an explanation for a program: a list that is known to be empty is not absent.
func (e explanation) complete() explanation {
	if e.Access == nil && e.AccessUnknown == "" {
		e.Access = []access.Grant{}
	}
	return e
}
