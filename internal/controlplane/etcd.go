package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// etcdPIDFile is in the folder of the certificates.
	etcdPIDFile = "etcd.pid"
	// etcdGoneTimeout is how long a killed etcd may take to be gone.
	etcdGoneTimeout  = 10 * time.Second
	etcdGoneInterval = 5 * time.Millisecond
)

// superviseEtcd has etcd started by a script that leaves its process id: envtest does not tell it.
func (cp *ControlPlane) superviseEtcd(assets, dataDir string) error {
	script := filepath.Join(cp.certDir, "etcd")
	content := fmt.Sprintf("#!/bin/sh\necho $$ > %s\nexec %s \"$@\"\n",
		shellQuoted(filepath.Join(cp.certDir, etcdPIDFile)), shellQuoted(filepath.Join(assets, "etcd")))
	//nolint:gosec // G306: it is to be executed
	if err := os.WriteFile(script, []byte(content), 0o700); err != nil {
		return err
	}
	cp.environment.ControlPlane.Etcd = &envtest.Etcd{Path: script, DataDir: dataDir}
	return nil
}

func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// PauseEtcd stops etcd in the middle of whatever it does, until ResumeEtcd.
func (cp *ControlPlane) PauseEtcd() error { return cp.signalEtcd(syscall.SIGSTOP) }

// ResumeEtcd lets a paused etcd go on.
func (cp *ControlPlane) ResumeEtcd() error { return cp.signalEtcd(syscall.SIGCONT) }

// KillEtcd ends etcd as a crash would. Its data stay; StartEtcd starts it again.
func (cp *ControlPlane) KillEtcd() error {
	if err := cp.signalEtcd(syscall.SIGKILL); err != nil {
		return err
	}
	for deadline := time.After(etcdGoneTimeout); ; {
		if err := cp.signalEtcd(syscall.Signal(0)); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-deadline:
			return errors.New("etcd was killed and is still there")
		case <-time.After(etcdGoneInterval):
		}
	}
}

// StartEtcd starts a killed etcd again, on its port and its data.
func (cp *ControlPlane) StartEtcd() error {
	if err := cp.environment.ControlPlane.Etcd.Start(); err != nil {
		return fmt.Errorf("starting etcd again: %w", err)
	}
	return nil
}

func (cp *ControlPlane) signalEtcd(signal syscall.Signal) error {
	content, err := os.ReadFile(filepath.Join(cp.certDir, etcdPIDFile))
	if err != nil {
		return fmt.Errorf("looking for etcd's process id: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return fmt.Errorf("looking for etcd's process id: %w", err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := process.Signal(signal); err != nil {
		return fmt.Errorf("sending %s to etcd: %w", signal, err)
	}
	return nil
}
