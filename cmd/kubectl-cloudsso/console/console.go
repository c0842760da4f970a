// Package console is kubectl cloudsso console: the pages of a directory in a browser. They are served on loopback as the person
// who runs it, or in the cluster as the persons who sign in. Package pages has the pages, this one the ways to them.
package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	c := console{Plugin: p}
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Open the pages of a directory in a browser",
		Long: "Serves the pages of a directory on this machine, to the one browser that opens the address first, and opens it. Everything\n" +
			"is read and written as you: your rights and the API server's audit log are those of kubectl. It ends with Ctrl-C, or with the terminal.",
		Example: "  kubectl cloudsso console -n acme",
		Args:    plugin.NoArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	cmd.Flags().IntVar(&c.port, "port", 0, "port on loopback; a free one if it is 0")
	cmd.Flags().StringVar(&c.operatorNamespace, "operator-namespace", log.DefaultOperatorNamespace, "the namespace of the operator, whose log is shown")
	cmd.Flags().BoolVar(&c.noBrowser, "no-browser", false, "show the address, and open no browser")
	cmd.AddCommand(newServeCommand(p))
	return cmd
}

type console struct {
	*plugin.Plugin
	port              int
	operatorNamespace string
	noBrowser         bool
}

// The time limits of the server. An answer may read on in a large directory for a while.
const (
	headerTimeout = 10 * time.Second
	writeTimeout  = 2 * time.Minute
	// stopTimeout is more than a deletion needs to turn synchronization on again. Streams and reads end at once, with the context.
	stopTimeout = 30 * time.Second
)

// errUsedTwice says why the console has ended by itself.
var errUsedTwice = errors.New("another program has used the address of the console too. The console has ended, and lets neither in. " +
	"The audit log of the API server has the changes that were made in the meantime. " +
	"Unless you opened the address in two browsers yourself, find that program before you start the console again")

func (c *console) run(ctx context.Context) error {
	client, config, namespace, err := c.ConnectConsole()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		return err
	}
	session := &pages.Session{Client: client, Config: config, CSRFToken: rand.Text()}
	handler := pages.New(pages.Options{
		Session:   func(*http.Request) (*pages.Session, error) { return session, nil },
		Namespace: namespace, OperatorNamespace: c.operatorNamespace, Now: c.Now, Random: c.Random,
	})
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	guard := newGuard(listener.Addr(), handler, func() { end(errUsedTwice) })
	url := guard.loginURL()
	fmt.Fprintf(c.Out, "The console of namespace %s, for the first browser that opens this address:\n\n  %s\n\nCtrl-C ends it.\n", namespace, url)
	if !c.noBrowser {
		defer c.open(ctx, url)()
	}
	if err := serve(ctx, listener, guard); err != nil {
		return err
	}
	if errors.Is(context.Cause(ctx), errUsedTwice) {
		return errUsedTwice
	}
	return nil
}

// serve serves until the context ends, and lets requests end that are under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(ctx), server.Close())
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}

// openers open a file in the person's browser.
var openers = map[string][]string{
	"darwin":  {"open"},
	"linux":   {"xdg-open"},
	"windows": {"rundll32", "url.dll,FileProtocolHandler"},
}

// open opens the browser, or says that it could not. It returns a function that removes what it wrote.
func (c *console) open(ctx context.Context, url string) (remove func()) {
	remove = func() {}
	opener := openers[runtime.GOOS]
	if opener == nil {
		return remove
	}
	file, remove, err := writeOnward(url)
	if err == nil {
		err = exec.CommandContext(ctx, opener[0], append(opener[1:], file)...).Start() //nolint:gosec // G204: a fixed program, and a file of our own
	}
	if err != nil {
		fmt.Fprintf(c.ErrOut, "no browser could be opened (%v): open the address yourself\n", err)
	}
	return remove
}

// writeOnward writes a page that leads to the address, into a file that only the person reads: each account of the machine sees the
// arguments of a process, and the address lets in.
func writeOnward(url string) (file string, remove func(), err error) {
	folder, err := os.MkdirTemp("", "cloudsso-console-") // only its owner may enter it
	if err != nil {
		return "", func() {}, err
	}
	remove = func() { _ = os.RemoveAll(folder) } // the secret in it is worth nothing once the console has ended
	page, err := pages.Onward(url)
	if err != nil {
		return "", remove, err
	}
	file = filepath.Join(folder, "console.html")
	return file, remove, os.WriteFile(file, page, 0o600)
}
