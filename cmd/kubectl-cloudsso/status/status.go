// Package status is kubectl cloudsso status: the state of a directory, and what to do next.
package status

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var output string
	var everywhere bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state of a directory, and what to do next",
		Example: "  kubectl cloudsso status -n acme\n" +
			"  # All directories, one a line\n" +
			"  kubectl cloudsso status -A",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if everywhere {
				if output == "text" {
					output = ""
				}
				_, err := p.Print(cmd.Context(), plugin.Objects{Resource: plugin.Directories, AllNamespaces: true, Output: output})
				return err
			}
			write, known := formats[output]
			if !known {
				return fmt.Errorf("--output %q: give text, json or yaml; wide, json, yaml or name with --all-namespaces", output)
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			d, err := plugin.Directory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			credentials, err := plugin.CredentialsOf(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			return write(p.Out, report{Directory: d, Credentials: credentials, Next: plugin.Sentences(plugin.Advise(d, credentials, p.Now())), now: p.Now()})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, json or yaml; wide, json, yaml or name with -A")
	plugin.CompleteOutput(cmd, "text", "json", "yaml", "wide", "name")
	cmd.Flags().BoolVarP(&everywhere, "all-namespaces", "A", false, "a table of all directories")
	return cmd
}

var formats = map[string]func(io.Writer, report) error{"text": writeText, "json": writeJSON, "yaml": writeYAML}

func writeJSON(w io.Writer, r report) error { return plugin.WriteJSON(w, r.forPrograms()) }

func writeYAML(w io.Writer, r report) error { return plugin.WriteYAML(w, r.forPrograms()) }

// forPrograms returns a report without what nothing but the API server reads.
func (r report) forPrograms() any {
	r.Directory.ManagedFields = nil
	r.Directory.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CloudSSODirectory")) // a client leaves it out of a single object
	for i := range r.Credentials {
		r.Credentials[i].ManagedFields = nil
	}
	return struct {
		Directory   *v1alpha1.CloudSSODirectory `json:"directory"`
		Credentials []v1alpha1.SCIMCredential   `json:"credentials"`
		Next        []string                    `json:"next"`
	}{r.Directory, append([]v1alpha1.SCIMCredential{}, r.Credentials...), r.Next}
}
