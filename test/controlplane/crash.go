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

// The processes that may crash.
const (
	etcd      = "etcd"
	apiServer = "kube-apiserver"
)

const (
	// goneTimeout is how long a killed process may take to be gone.
	goneTimeout  = 10 * time.Second
	goneInterval = 5 * time.Millisecond
)

// supervise has etcd and kube-apiserver started by scripts that leave their process ids, which envtest does not
// tell, and keep what they print.
func (cp *ControlPlane) supervise(assets string, o Options) error {
	for _, name := range []string{etcd, apiServer} {
		content := fmt.Sprintf("#!/bin/sh\necho $$ > %s\nexec %s \"$@\"", shellQuoted(cp.pidFile(name)), shellQuoted(filepath.Join(assets, name)))
		if o.LogDir != "" {
			log := logFile(o.LogDir, name)
			if err := os.WriteFile(log, nil, 0o600); err != nil {
				return err
			}
			content += fmt.Sprintf(" >> %s 2>&1", shellQuoted(log))
		}
		//nolint:gosec // G306: it is to be executed
		if err := os.WriteFile(cp.script(name), []byte(content), 0o700); err != nil {
			return err
		}
	}
	cp.environment.ControlPlane.Etcd = &envtest.Etcd{Path: cp.script(etcd), DataDir: o.DataDir}
	cp.environment.ControlPlane.GetAPIServer().Path = cp.script(apiServer)
	return nil
}

func logFile(dir, name string) string { return filepath.Join(dir, name+".log") }

// LogFiles are what etcd and kube-apiserver print, where Options.LogDir is dir.
func LogFiles(dir string) []string { return []string{logFile(dir, etcd), logFile(dir, apiServer)} }

// script is in the folder of the certificates, as the process id is.
func (cp *ControlPlane) script(name string) string { return filepath.Join(cp.certDir, name) }

func (cp *ControlPlane) pidFile(name string) string { return filepath.Join(cp.certDir, name+".pid") }

func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// EtcdURL is where etcd answers, to anybody on this machine.
func (cp *ControlPlane) EtcdURL() string { return cp.environment.ControlPlane.Etcd.URL.String() }

// PauseEtcd stops etcd in the middle of whatever it does, until ResumeEtcd.
func (cp *ControlPlane) PauseEtcd() error { return cp.signal(etcd, syscall.SIGSTOP) }

// ResumeEtcd lets a paused etcd go on.
func (cp *ControlPlane) ResumeEtcd() error { return cp.signal(etcd, syscall.SIGCONT) }

// KillEtcd ends etcd as a crash would. Its data stay; StartEtcd starts it again.
func (cp *ControlPlane) KillEtcd() error { return cp.kill(etcd) }

// StartEtcd starts a killed etcd again, on its port and its data.
func (cp *ControlPlane) StartEtcd() error {
	if err := cp.environment.ControlPlane.Etcd.Start(); err != nil {
		return fmt.Errorf("starting etcd again: %w", err)
	}
	return nil
}

// KillAPIServer ends kube-apiserver as a crash would. StartAPIServer starts it again.
func (cp *ControlPlane) KillAPIServer() error { return cp.kill(apiServer) }

// DumpAPIServer has kube-apiserver print what each of its goroutines does, and end.
func (cp *ControlPlane) DumpAPIServer() error { return cp.signal(apiServer, syscall.SIGQUIT) }

// StartAPIServer starts a killed kube-apiserver again, on the same etcd and the same port. It returns when the
// API server answers; the operator's policies are not in force yet (see config/policy).
func (cp *ControlPlane) StartAPIServer() error {
	if err := cp.environment.ControlPlane.GetAPIServer().Start(); err != nil {
		return fmt.Errorf("starting kube-apiserver again: %w", err)
	}
	return nil
}

// kill returns when the process is gone.
func (cp *ControlPlane) kill(name string) error {
	if err := cp.signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	for deadline := time.After(goneTimeout); ; {
		if err := cp.signal(name, syscall.Signal(0)); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-deadline:
			return fmt.Errorf("%s was killed and is still there", name)
		case <-time.After(goneInterval):
		}
	}
}

func (cp *ControlPlane) signal(name string, signal syscall.Signal) error {
	content, err := os.ReadFile(cp.pidFile(name))
	if err != nil {
		return fmt.Errorf("looking for the process id of %s: %w", name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return fmt.Errorf("looking for the process id of %s: %w", name, err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := process.Signal(signal); err != nil {
		return fmt.Errorf("sending %s to %s: %w", signal, name, err)
	}
	return nil
}
