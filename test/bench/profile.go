package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/discovery"
)

const (
	// profileTimeout is how long a manager may take to write its profiles.
	profileTimeout = 10 * time.Second
	// serverProfile is how long an API server is profiled, from a measurement's beginning.
	serverProfile = 20 * time.Second
)

// profile takes profiles over the course of a measurement, if they are asked for: the managers' of all of it, the API
// servers' of its beginning. It returns what ends it.
func (b *bench) profile(ctx context.Context, m *measurement) (end func() error, err error) {
	if b.profiles == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return nil, err
	}
	pids := map[size]int{}
	for _, size := range m.needs {
		pids[size] = b.stacks[size].Manager.PID()
		err = errors.Join(err, syscall.Kill(pids[size], syscall.SIGUSR1))
	}
	var servers sync.WaitGroup
	for _, size := range m.needs {
		servers.Go(func() {
			if err := b.profileServer(ctx, b.stacks[size], fmt.Sprintf("%s-%s", m.name, size)); err != nil { // a measurement may restart it
				b.progress("no profile of the API server of the %s stack: %v", size, err)
			}
		})
	}
	return func() (err error) {
		defer servers.Wait()
		for size, pid := range pids {
			if b.stacks[size].Manager.PID() == pid { // one that was restarted has no beginning
				err = errors.Join(err, b.collect(ctx, pid, fmt.Sprintf("%s-%s", m.name, size)))
			}
		}
		return err
	}, err
}

// profileServer is the API server's own CPU profile.
func (b *bench) profileServer(ctx context.Context, s *stack, name string) error {
	c, err := discovery.NewDiscoveryClientForConfig(s.ControlPlane.Admin())
	if err != nil {
		return err
	}
	profile, err := c.RESTClient().Get().AbsPath("/debug/pprof/profile").
		Param("seconds", fmt.Sprint(serverProfile.Seconds())).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("profiling the API server: %w", err)
	}
	return os.WriteFile(filepath.Join(b.profiles, name+"-apiserver.pprof"), profile, 0o644)
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
