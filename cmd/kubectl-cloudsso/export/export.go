// Package export is kubectl cloudsso export: a backup of a directory.
package export

import (
	"context"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Write a directory as manifests, for kubectl cloudsso import",
		Long: "Writes the directory, its credentials, users, groups, slices and access assignments to the standard output, as YAML.\n" +
			"The file has personal data and the hashes of tokens, and no token. Name claims are left out: the operator writes them\n" +
			"again. So are objects that are being deleted.",
		Example: "  kubectl cloudsso export -n acme > acme.yaml",
		Args:    plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			if _, err := plugin.Directory(cmd.Context(), c, namespace); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "# The CloudSSODirectory of namespace %s, exported at %s. kubectl cloudsso import restores it.\n", namespace, p.Now().UTC().Format(time.RFC3339))
			e := &export{Plugin: p, c: c, namespace: namespace}
			total, err := e.count(cmd.Context())
			if err != nil {
				return err
			}
			// The objects themselves show the progress if a person sees them.
			e.progress = p.NewProgress("exporting", total, !p.ShowsProgress || printers.IsTerminal(p.Out))
			if err := e.writeKinds(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintf(p.ErrOut, "namespace %s: %d objects exported\n", namespace, e.written)
			return nil
		},
	}
}

// export writes objects.
type export struct {
	*plugin.Plugin
	c         client.Client
	namespace string
	progress  *progressbar.ProgressBar
	written   int
}

// writeKinds writes all objects, and the line by which a file is known to be whole.
func (e *export) writeKinds(ctx context.Context) error {
	defer plugin.EndProgress(e.progress)
	for _, kind := range plugin.BackupKinds {
		if err := e.writeAll(ctx, kind); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(e.Out, "---\n"+plugin.BackupEnd+"\n", e.written)
	return err
}

// count returns how many objects there are, about: some are being deleted, and others are created meanwhile.
func (e *export) count(ctx context.Context) (total int64, err error) {
	for _, kind := range plugin.BackupKinds {
		page := pageOf(kind)
		if err := e.c.List(ctx, page, client.InNamespace(e.namespace), client.Limit(1)); err != nil {
			return 0, reading(kind, e.namespace, err)
		}
		total += int64(len(page.Items)) + ptr.Deref(page.GetRemainingItemCount(), 0)
	}
	return total, nil
}

// pageOf returns a list for objects of a kind without types, so that no field is lost that is newer than the plugin.
func pageOf(kind string) *unstructured.UnstructuredList {
	page := &unstructured.UnstructuredList{}
	page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	return page
}

func reading(kind, namespace string, err error) error {
	return fmt.Errorf("reading each %s of namespace %s: %w", kind, namespace, err)
}

// writeAll writes all objects of a kind, page by page.
func (e *export) writeAll(ctx context.Context, kind string) error {
	page := pageOf(kind)
	var failed error
	err := plugin.EachPage(ctx, e.c, page, func() bool {
		for i := range page.Items {
			if o := &page.Items[i]; !policy.IsBeingDeleted(o) && failed == nil {
				failed = e.write(o)
			}
		}
		return failed == nil
	}, client.InNamespace(e.namespace))
	if err != nil {
		return reading(kind, e.namespace, err)
	}
	return failed
}

func (e *export) write(o *unstructured.Unstructured) error {
	if _, err := fmt.Fprintln(e.Out, "---"); err != nil {
		return err
	}
	if err := plugin.WriteYAML(e.Out, manifestOf(o)); err != nil {
		return err
	}
	e.written++
	_ = e.progress.Add(1) // a bar that cannot be shown stops no export
	return nil
}
