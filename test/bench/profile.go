package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// profileTimeout is how long a manager may take to write its profiles.
const profileTimeout = 10 * time.Second

// profile takes the managers' profiles over the course of a measurement, if they are asked for. It returns
// what ends it.
func (b *bench) profile(ctx context.Context, m *measurement) (end func() error, err error) {
	if b.profiles == "" {
		return func() error { return nil }, nil
	}
	pids := map[size]int{}
	for _, size := range m.needs {
		pids[size] = b.stacks[size].Manager.PID()
		err = errors.Join(err, syscall.Kill(pids[size], syscall.SIGUSR1))
	}
	return func() (err error) {
		for size, pid := range pids {
			if b.stacks[size].Manager.PID() == pid { // one that was restarted has no beginning
				err = errors.Join(err, b.collect(ctx, pid, fmt.Sprintf("%s-%s", m.name, size)))
			}
		}
		return err
	}, err
}

func (b *bench) collect(ctx context.Context, pid int, name string) error {
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, profileTimeout)
	defer cancel()
	from := func(what string) string {
		return filepath.Join(os.TempDir(), fmt.Sprintf("cloudsso-bench-%d-%s.pprof", pid, what))
	}
	for ticker := time.NewTicker(settleInterval); ; { // the heap's is the last to be written
		if _, err := os.Stat(from("heap")); err == nil {
			break
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the manager writes no profile: %w", ctx.Err())
		}
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	var failures []error
	for _, what := range []string{"cpu", "heap"} {
		failures = append(failures, move(from(what), filepath.Join(b.profiles, name+"-"+what+".pprof")))
	}
	return errors.Join(failures...)
}

// move copies, for the two may be on different file systems.
func move(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, content, 0o644), os.Remove(from))
}
