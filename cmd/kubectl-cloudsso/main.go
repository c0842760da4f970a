// Command kubectl-cloudsso is a plugin of kubectl: kubectl cloudsso.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/explain"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/review"
)

func main() {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	if err := newCommand(streams).ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(streams.ErrOut, "error:", err)
		os.Exit(1)
	}
}

func newCommand(streams genericiooptions.IOStreams) *cobra.Command {
	p := plugin.New(streams)
	root := &cobra.Command{
		Use:           "kubectl-cloudsso",
		Short:         "Look into the users, groups and access of a directory",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl cloudsso"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	p.AddFlags(root.PersistentFlags())
	root.AddCommand(explain.NewCommand(p), review.NewCommand(p))
	return root
}
