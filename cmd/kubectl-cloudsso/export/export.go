// Package export is kubectl cloudsso export: a backup of a directory.
package export

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
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
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			d, err := plugin.Directory(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "# The CloudSSODirectory of namespace %s, exported at %s. kubectl cloudsso import restores it.\n", namespace, p.Now().UTC().Format(time.RFC3339))
			e := &export{Plugin: p, c: c, namespace: namespace, progress: p.NewProgress("exported")}
			markRestored(d)
			if err := e.write(d); err != nil {
				return err
			}
			for _, list := range lists() {
				if err := e.writeAll(cmd.Context(), list); err != nil {
					return err
				}
			}
			e.progress.End()
			return nil
		},
	}
}

// lists returns the kinds of a backup in the order in which they are restored. Users come before the groups that list them.
func lists() []client.ObjectList {
	return []client.ObjectList{
		&v1alpha1.SCIMCredentialList{}, &v1alpha1.CloudSSOUserList{}, &v1alpha1.CloudSSOGroupList{}, &v1alpha1.CloudSSOMembershipSliceList{},
		&v1alpha1.CloudSSOAccessAssignmentList{},
	}
}

// export writes objects.
type export struct {
	*plugin.Plugin
	c         client.Client
	namespace string
	progress  *plugin.Progress
}

// writeAll writes all objects of a kind, page by page.
func (e *export) writeAll(ctx context.Context, page client.ObjectList) error {
	var failed error
	err := plugin.EachPage(ctx, e.c, page, func() bool {
		failed = meta.EachListItem(page, func(item runtime.Object) error {
			o, isObject := item.(client.Object)
			if !isObject || policy.IsBeingDeleted(o) {
				return nil
			}
			return e.write(o)
		})
		return failed == nil
	}, client.InNamespace(e.namespace))
	if err != nil {
		return fmt.Errorf("reading %T of namespace %s: %w", page, e.namespace, err)
	}
	return failed
}

func (e *export) write(o client.Object) error {
	manifest, err := manifestOf(o)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(e.Out, "---"); err != nil {
		return err
	}
	if err := plugin.WriteYAML(e.Out, manifest); err != nil {
		return err
	}
	e.progress.Add()
	return nil
}
