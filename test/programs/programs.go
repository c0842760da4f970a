// Package programs builds the programs that tests start.
package programs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// folderVariable names the folder in which all suites of one make test keep what they build. The first suite links a
	// program, and for the others go build only finds out that it is up to date.
	folderVariable = "TEST_PROGRAMS"
	// stopTimeout is how long the compiler may take to stop when it is interrupted.
	stopTimeout = 10 * time.Second
	// lockInterval is how often a suite asks whether another one has ended its build, which takes minutes.
	lockInterval = 100 * time.Millisecond
)

// Options say what to build. Root, Package and Dir are required.
type Options struct {
	// Root is the folder of the project's go.mod, or a folder of links to its files.
	Root string
	// Package is the folder of the program below Root, such as "cmd/manager".
	Package string
	// Dir is where the program is put. Required.
	Dir string
	// Race builds with the race detector.
	Race bool
	// Tag is a build tag; "" for none.
	Tag string
}

// Build compiles a program, and returns its path in Dir. The file has the name of its package, and may replace an older one. It is
// the caller's own, because another suite may build the shared one again, of other sources.
func Build(ctx context.Context, o Options) (string, error) {
	// The compiled packages of a folder of links would be kept apart from those of the folder that the links lead to.
	modFile, err := filepath.EvalSymlinks(filepath.Join(o.Root, "go.mod"))
	if err != nil {
		return "", err
	}
	dir := cmp.Or(os.Getenv(folderVariable), o.Dir)
	arguments := []string{"build"}
	if o.Race {
		dir, arguments = filepath.Join(dir, "race"), append(arguments, "-race")
	}
	if o.Tag != "" {
		dir, arguments = filepath.Join(dir, o.Tag), append(arguments, "-tags", o.Tag)
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	program := filepath.Join(dir, filepath.Base(o.Package))
	command := exec.CommandContext(ctx, "go", append(arguments, "-o", program, "./"+o.Package)...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // so that it tidies up
	command.WaitDelay = stopTimeout
	command.Dir = filepath.Dir(modFile)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not compile:\n%s", o.Package, bytes.TrimSpace(output))
	}
	return linkInto(program, o.Dir)
}

// linkInto gives a folder its own name of a program, and returns that path.
func linkInto(program, dir string) (string, error) {
	target := filepath.Join(dir, filepath.Base(program))
	if target == program {
		return program, nil
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if os.Link(program, target) == nil { // go build replaces a file, and does not write into it
		return target, nil
	}
	content, err := os.ReadFile(program) // another file system
	if err != nil {
		return "", err
	}
	return target, os.WriteFile(target, content, 0o700)
}

// lock waits until no other suite builds in a folder, because a program that two suites write is incomplete for a moment.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = wait.PollUntilContextCancel(ctx, lockInterval, true, func(context.Context) (bool, error) {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		folder.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { folder.Close() }, nil
}
