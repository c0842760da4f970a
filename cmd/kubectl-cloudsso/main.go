// Command kubectl-cloudsso is a plugin of kubectl: kubectl cloudsso.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/root"
)

// version is set by the build.
var version = "devel"

func main() {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	// A token that could not be printed is lost. The write has to fail, so that the person gets to know.
	signal.Ignore(syscall.SIGPIPE)
	command := root.NewCommand(plugin.New(streams))
	command.Version = version
	ctx, stop := untilHangup(ctrl.SetupSignalHandler())
	err := command.ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, syscall.EPIPE) { // the reader of a list has seen enough
		fmt.Fprintln(streams.ErrOut, message(err))
	}
	os.Exit(1)
}

// untilHangup returns a context that ends too when the terminal closes, so that what is under way ends as after Ctrl-C. A process that
// nohup has started goes on.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// message returns an error in kubectl's words, without what could move the cursor of a terminal.
func message(err error) string {
	text := "error: " + err.Error()
	if fromServer, is := err.(apierrors.APIStatus); is { // the words around a wrapped one would be lost
		text = fmt.Sprintf("Error from server (%s): %s", fromServer.Status().Reason, fromServer.Status().Message)
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = plugin.Printable(strings.ReplaceAll(line, "\t", "  ")) // cobra indents what it suggests
	}
	return strings.Join(lines, "\n")
}
