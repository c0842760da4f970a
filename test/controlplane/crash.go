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

// The names of the processes.
const (
	etcd      = "etcd"
	apiServer = "kube-apiserver"
)

const (
	// exitTimeout is how long a killed process may take to end.
	exitTimeout  = 10 * time.Second
	exitInterval = 5 * time.Millisecond
)

// supervise makes envtest start etcd and kube-apiserver by scripts. The scripts write the process ids, which envtest does
// not show, and the output into files.
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
		if err := os.WriteFile(cp.script(name), []byte(content), 0o700); err != nil {
			return err
		}
	}
	cp.environment.ControlPlane.Etcd = &envtest.Etcd{Path: cp.script(etcd), DataDir: o.DataDir}
	cp.environment.ControlPlane.GetAPIServer().Path = cp.script(apiServer)
	return nil
}

func logFile(dir, name string) string { return filepath.Join(dir, name+".log") }

// LogFiles returns the paths of the output of etcd and kube-apiserver if Options.LogDir is dir.
func LogFiles(dir string) []string { return []string{logFile(dir, etcd), logFile(dir, apiServer)} }

// script returns the path of a process's script. It is beside the certificates.
func (cp *ControlPlane) script(name string) string { return filepath.Join(cp.certDir, name) }

func (cp *ControlPlane) pidFile(name string) string { return filepath.Join(cp.certDir, name+".pid") }

func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// EtcdURL returns the URL of etcd, which accepts every client of this machine.
func (cp *ControlPlane) EtcdURL() string { return cp.environment.ControlPlane.Etcd.URL.String() }

// PauseEtcd suspends the process of etcd until ResumeEtcd.
func (cp *ControlPlane) PauseEtcd() error { return cp.signal(etcd, syscall.SIGSTOP) }

// ResumeEtcd resumes a paused etcd.
func (cp *ControlPlane) ResumeEtcd() error { return cp.signal(etcd, syscall.SIGCONT) }

// KillEtcd ends etcd like a crash. Its data stay; StartEtcd starts it again.
func (cp *ControlPlane) KillEtcd() error { return cp.kill(etcd) }

// StartEtcd starts a killed etcd again, on its port and its data.
func (cp *ControlPlane) StartEtcd() error {
	if err := cp.environment.ControlPlane.Etcd.Start(); err != nil {
		return fmt.Errorf("starting etcd again: %w", err)
	}
	return nil
}

// KillAPIServer ends kube-apiserver like a crash. StartAPIServer starts it again.
func (cp *ControlPlane) KillAPIServer() error { return cp.kill(apiServer) }

// PauseAPIServer suspends the process of kube-apiserver until ResumeAPIServer: it accepts connections, and does not answer.
func (cp *ControlPlane) PauseAPIServer() error { return cp.signal(apiServer, syscall.SIGSTOP) }

// ResumeAPIServer resumes a paused kube-apiserver.
func (cp *ControlPlane) ResumeAPIServer() error { return cp.signal(apiServer, syscall.SIGCONT) }

// DumpAPIServer makes kube-apiserver print the stacks of its goroutines, and end.
func (cp *ControlPlane) DumpAPIServer() error { return cp.signal(apiServer, syscall.SIGQUIT) }

// StartAPIServer starts a killed kube-apiserver again, on the same etcd and the same port. It returns when the
// API server answers; the operator's policies are not in force yet (see config/policy).
func (cp *ControlPlane) StartAPIServer() error {
	if err := cp.environment.ControlPlane.GetAPIServer().Start(); err != nil {
		return fmt.Errorf("starting kube-apiserver again: %w", err)
	}
	return nil
}

// kill kills a process, and returns when it has ended.
func (cp *ControlPlane) kill(name string) error {
	if err := cp.signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	for deadline := time.After(exitTimeout); ; {
		if err := cp.signal(name, syscall.Signal(0)); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-deadline:
			return fmt.Errorf("%s was killed, but has not ended within %s", name, exitTimeout)
		case <-time.After(exitInterval):
		}
	}
}

// PIDs returns the process ids of etcd and kube-apiserver.
func (cp *ControlPlane) PIDs() ([]int, error) {
	pids := make([]int, 0, 2)
	for _, name := range []string{etcd, apiServer} {
		pid, err := cp.pid(name)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

func (cp *ControlPlane) pid(name string) (int, error) {
	content, err := os.ReadFile(cp.pidFile(name))
	if err != nil {
		return 0, fmt.Errorf("looking for the process id of %s: %w", name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("looking for the process id of %s: %w", name, err)
	}
	return pid, nil
}

func (cp *ControlPlane) signal(name string, signal syscall.Signal) error {
	pid, err := cp.pid(name)
	if err != nil {
		return err
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
