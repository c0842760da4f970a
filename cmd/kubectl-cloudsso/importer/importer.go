// Package importer is kubectl cloudsso import: it restores what kubectl cloudsso export has written.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var yes bool
	var file string
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Create the objects of kubectl cloudsso export again",
		Long: "Creates the objects of a file of kubectl cloudsso export that are not there. Objects that are there are never changed: if\n" +
			"one differs, the command says so and fails at the end. So an import that was interrupted can be run again. The directory is\n" +
			"not served until a person activates it: the command ends with what to do.",
		Example: "  kubectl cloudsso import -n acme -f acme.yaml",
		Args:    plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return fmt.Errorf("%s needs the file of an export: give it with -f, or -f - for the standard input", cmd.CommandPath())
			}
			in, closeFile, err := open(p, file)
			if err != nil {
				return err
			}
			defer closeFile()
			total, err := check(in)
			if err != nil {
				return err
			}
			if _, err := in.Seek(0, io.SeekStart); err != nil {
				return err
			}
			c, namespace, err := p.ConnectUnlimited()
			if err != nil {
				return err
			}
			i := &imports{Plugin: p, c: c, author: plugin.Author(cmd.Context(), c), namespace: namespace, manifests: newReader(in), total: total}
			return i.run(cmd.Context(), yes)
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", `the file; "-" is the standard input`)
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

// open opens the file, which is read twice: the standard input is kept in a file that only its owner can read.
func open(p *plugin.Plugin, file string) (in io.ReadSeeker, closeFile func(), err error) {
	if file != "-" {
		f, err := os.Open(file)
		return f, func() { _ = f.Close() }, err // it is only read
	}
	f, err := os.CreateTemp("", "cloudsso-import-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }
	if _, err := io.Copy(f, p.In); err != nil {
		remove()
		return nil, nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		remove()
		return nil, nil, err
	}
	return f, remove, nil
}

// run creates the directory and then the rest.
func (i *imports) run(ctx context.Context, yes bool) error {
	directory, err := i.manifests.next()
	if err != nil {
		return err
	}
	i.isCopy = directory.GetNamespace() != i.namespace
	if err := i.refuseOther(ctx); err != nil {
		return err
	}
	if err := i.Confirm(ctx, yes, i.consequences(directory.GetNamespace())); err != nil {
		return err
	}
	if err := i.createDirectory(ctx, directory); err != nil {
		return err
	}
	err = i.createAll(ctx)
	fmt.Fprintf(i.Out, "namespace %s: %d objects created, %d were there already, %d failed\n", i.namespace, i.created.Load(), i.same.Load(), i.failures()+i.different())
	if err != nil || i.failures() > 0 {
		return errors.Join(err, i.failed())
	}
	activate := policy.ActivateCommand(&v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, UID: directory.GetUID()}})
	fmt.Fprintf(i.ErrOut, next, i.namespace, activate)
	return i.failed() // objects that differ may stay as they are
}

func (i *imports) consequences(from string) string {
	text := fmt.Sprintf("This creates the objects of the file in namespace %s. The directory is not served before you activate it.", i.namespace)
	if i.isCopy {
		text += fmt.Sprintf("\n  - They come from namespace %s. The tokens of the credentials are accepted there alone.\n"+
			"  - Access assignments get mode Preview: the identity provider would not take access away from the copies of users.", from)
	}
	return text
}

// next says what to do after an import.
const next = "Before you activate the directory:\n" +
	"  - Delete the credentials that were revoked after the backup: kubectl cloudsso credential list -n %[1]s\n" +
	"  - Suspend the users who must not have access any more. Those that were deactivated after the backup are active again.\n" +
	"  - Then run: %[2]s\n" +
	"  - And start a full push in the identity provider (docs/restore.md).\n"
