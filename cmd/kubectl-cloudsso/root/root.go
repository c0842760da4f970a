// Package root puts the verbs of kubectl cloudsso together.
package root

import (
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/check"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/credential"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/deleteuser"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/explain"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/export"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/groups"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/importer"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/members"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/resync"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/review"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/status"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/sync"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/user"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/users"
)

// NewCommand returns the command with all verbs.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	ctrl.SetLogger(logr.Discard()) // the client complains of its absence
	root := &cobra.Command{
		Use:           "kubectl-cloudsso",
		Short:         "Look into the users, groups and access of a directory, and operate it",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl cloudsso"},
		SilenceErrors: true,
		SilenceUsage:  true,
		// Its scripts complete another command than kubectl, which asks kubectl_complete-cloudsso.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(withUsage)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.ErrOut)
	p.AddFlags(root.PersistentFlags())
	for flag, complete := range map[string]cobra.CompletionFunc{"namespace": p.CompleteNamespace, "context": p.CompleteContext} {
		_ = root.RegisterFlagCompletionFunc(flag, complete) // it fails for an unknown flag only
	}
	root.AddCommand(
		status.NewCommand(p), users.NewCommand(p), user.NewCommand(p), groups.NewCommand(p), members.NewCommand(p),
		explain.NewCommand(p), review.NewCommand(p), credential.NewCommand(p), sync.NewCommand(p), resync.NewCommand(p),
		deleteuser.NewCommand(p), log.NewCommand(p), export.NewCommand(p), importer.NewCommand(p), check.NewCommand(p), console.NewCommand(p),
	)
	for _, command := range root.Commands() {
		if command.HasSubCommands() && !command.Runnable() {
			makeGroup(command)
		}
	}
	explainArguments(root)
	return root
}

// makeGroup has a command that only holds others refuse an argument that is none of them. Without that, cobra shows the help and
// exits with 0, and a script goes on as if "sync off" had turned the switch off.
func makeGroup(group *cobra.Command) {
	group.Use += " COMMAND"
	group.DisableFlagsInUseLine = true
	group.RunE = func(group *cobra.Command, _ []string) error { return group.Help() }
	// A command that runs has a usage line of its own, which a group has already.
	group.SetUsageTemplate(strings.Replace(group.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasSubCommands)}}", 1))
}

// withUsage adds the form of a command to the error that says what is wrong with a call of it.
func withUsage(command *cobra.Command, err error) error {
	return fmt.Errorf("%w\nUsage: %s\n%s --help says more", err, command.UseLine(), command.CommandPath())
}

// explainArguments has a command and those below it say their form if they are called with too few arguments or too many.
func explainArguments(command *cobra.Command) {
	if accepts := command.Args; accepts != nil {
		command.Args = func(command *cobra.Command, arguments []string) error {
			if err := accepts(command, arguments); err != nil {
				return withUsage(command, err)
			}
			return nil
		}
	}
	for _, below := range command.Commands() {
		explainArguments(below)
	}
}
