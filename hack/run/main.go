// Command run starts a control plane, the operator, a directory and a credential on this machine, and prints the URL
// and the token for an identity provider. It stays in the foreground until it is interrupted.
//
// Environment:
//
//	SCIM_PORT   port of the SCIM service; by default a free one, with KEEP that of the last run
//	SCIM_TLS    "off" serves plain HTTP on loopback
//	KEEP        "1" keeps the data of the last run; by default they are deleted
//
// "run token alice@example.com" prints an ID token of that user, as a login at the OIDC issuer of a running "run" would
// give it. Further arguments are groups that the token claims.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	do := run
	if len(os.Args) > 1 && os.Args[1] == tokenCommand {
		do = func(context.Context) error { return printToken(os.Stdout, os.Args[2:], time.Now()) }
	}
	if err := do(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "\nmake run: %v\n", err)
		os.Exit(1) //nolint:gocritic // run has stopped everything
	}
}

func run(ctx context.Context) error {
	o, err := options()
	if err != nil {
		return err
	}
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	e, err := quickstart.Start(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	}
	if err := show(e, o.Dir); err != nil {
		return errors.Join(err, e.Stop())
	}
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping")
	case <-e.Manager.Exited():
		err = fmt.Errorf("the manager ended by itself; see %s", e.LogFile())
	}
	_ = os.Remove(filepath.Join(o.Dir, environmentFile))
	return errors.Join(err, e.Stop())
}

func options() (quickstart.Options, error) {
	o := quickstart.Options{Keep: os.Getenv("KEEP") == "1", Access: true}
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return o, err
	}
	o.Dir = filepath.Join(root, ".run")
	if port := os.Getenv("SCIM_PORT"); port != "" {
		if o.Port, err = strconv.Atoi(port); err != nil || o.Port < 1 || o.Port > 65535 {
			return o, fmt.Errorf("SCIM_PORT is %q; give a number from 1 to 65535", port)
		}
	}
	switch mode := os.Getenv("SCIM_TLS"); mode {
	case "", "on":
	case "off":
		o.PlainHTTP = true
	default:
		return o, fmt.Errorf("SCIM_TLS is %q; give on (the default) or off", mode)
	}
	began := time.Now()
	o.Progress = func(step string) { fmt.Printf("%5.1fs  %s\n", time.Since(began).Seconds(), step) }
	return o, nil
}

// lockDir returns an error if another run uses the directory. The lock ends with the process.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use: another make run is running; stop it first", dir), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
