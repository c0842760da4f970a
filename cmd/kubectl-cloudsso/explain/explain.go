// Package explain is kubectl cloudsso explain: the state and the access of one user, and the last change of it.
package explain

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "explain USERNAME",
		Short:   "Explain a user: state, access and through what, and the last change of it",
		Example: "  kubectl cloudsso explain ada@example.com -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteUserName,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, known := formats[output]
			if !known {
				return fmt.Errorf("--output %q: give text or json", output)
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			u, err := plugin.FindUser(cmd.Context(), c, namespace, args[0])
			if err != nil {
				return err
			}
			inventory, err := plugin.Inventory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			return write(p.Out, explain(u, access.ReviewOf(inventory, u.Name)))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// explanation is what is known of a user.
type explanation struct {
	User        string             `json:"user"`
	UserName    string             `json:"userName"`
	DisplayName string             `json:"displayName"`
	Source      v1alpha1.Source    `json:"source"`
	State       v1alpha1.UserState `json:"state"`
	LastChange  *policy.LastChange `json:"lastChange,omitempty"`
	Access      []access.Grant     `json:"access"`
}

func explain(u *v1alpha1.CloudSSOUser, grants []access.Grant) explanation {
	e := explanation{
		User: u.Name, UserName: u.Spec.UserName, DisplayName: u.Spec.DisplayName, Source: u.Spec.Source,
		State: policy.UserState(u, u.Status.State == v1alpha1.UserConflict), Access: grants,
	}
	if change, known := policy.LastChangeOf(u); known {
		e.LastChange = &change
	}
	return e
}

var formats = map[string]func(io.Writer, explanation) error{"text": writeText, "json": writeJSON}

func writeText(w io.Writer, e explanation) error {
	fmt.Fprintf(w, "User:         %s\nName:         %s\nDisplay name: %s\nSource:       %s\nState:        %s\n",
		plugin.OrNone(e.UserName), e.User, plugin.OrNone(e.DisplayName), e.Source, e.State)
	if c := e.LastChange; c != nil {
		fmt.Fprintf(w, "Last change:  %s by credential %s, request %s, %s\n", plugin.OrNone(c.Cause), plugin.OrNone(c.Credential), plugin.OrNone(c.RequestID), plugin.OrNone(c.Time))
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

func writeJSON(w io.Writer, e explanation) error {
	if e.Access == nil {
		e.Access = []access.Grant{}
	}
	return plugin.WriteJSON(w, e)
}
