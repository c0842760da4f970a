// Package review is kubectl cloudsso review: who has access, through what.
package review

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "review",
		Short: "List the access of every user: role, place, group, assignment, and the request that changed it last",
		Long: "Lists every subject of the bindings that the directory's access assignments have made: what the API server grants.\n" +
			"A subject without a user is one that the operator is about to take away.",
		Example: "  # As a table for an auditor\n  kubectl cloudsso review -n acme -o csv > access.csv",
		Args:    plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, known := formats[output]
			if !known {
				return fmt.Errorf("--output %q: give table, csv, json or yaml", output)
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			inventory, err := plugin.Inventory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			grants := access.Review(inventory)
			if len(grants) == 0 && output == "table" {
				fmt.Fprintf(p.ErrOut, "No access found in %s namespace: no binding has a subject by an access assignment of the directory.\n", namespace)
				return nil
			}
			return write(p.Out, grants)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, csv, json or yaml")
	plugin.CompleteOutput(cmd, "table", "csv", "json", "yaml")
	return cmd
}

var formats = map[string]func(io.Writer, []access.Grant) error{"table": writeTable, "csv": writeCSV, "json": writeJSON, "yaml": writeYAML}

func writeTable(w io.Writer, all []access.Grant) error {
	table := printers.GetNewTabWriter(w)
	fmt.Fprintln(table, "USERNAME\tKUBERNETES USERNAME\tROLE\tNAMESPACE\tGROUP\tASSIGNMENT\tEXPIRES")
	for _, g := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plugin.OrNone(g.UserName), plugin.OrNone(g.KubernetesUsername), g.Role,
			plugin.Place(g.Namespace), plugin.OrNone(g.GroupName), g.Assignment, plugin.OrNone(g.ExpiresAt))
	}
	return table.Flush()
}

func writeCSV(w io.Writer, all []access.Grant) error {
	out := csv.NewWriter(w)
	rows := [][]string{plugin.GrantColumns}
	for _, g := range all {
		rows = append(rows, plugin.GrantCells(g))
	}
	return out.WriteAll(rows)
}

func writeJSON(w io.Writer, all []access.Grant) error { return plugin.WriteJSON(w, notNil(all)) }

func writeYAML(w io.Writer, all []access.Grant) error { return plugin.WriteYAML(w, notNil(all)) }

// notNil returns a list for a program: one that is empty is not null.
func notNil(all []access.Grant) []access.Grant {
	if all == nil {
		return []access.Grant{}
	}
	return all
}
