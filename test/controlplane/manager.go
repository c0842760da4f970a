package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long kube-controller-manager may take to stop.
const stopTimeout = 20 * time.Second

// controllerManager is a process of kube-controller-manager.
type controllerManager struct {
	command *exec.Cmd
	dir     string
	exited  chan struct{}
	output  bytes.Buffer
}

func startControllerManager(cp *ControlPlane, assets string, controllers []string) (*controllerManager, error) {
	binary := filepath.Join(assets, "kube-controller-manager")
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("there is no kube-controller-manager in %s; run hack/controlplane/assets.sh --with kube-controller-manager: %w", assets, err)
	}
	dir, err := os.MkdirTemp("", "kube-controller-manager-")
	if err != nil {
		return nil, err
	}
	content, err := cp.Kubeconfig(cp.admin)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, content, 0o600); err != nil {
		return nil, err
	}
	m := &controllerManager{dir: dir, exited: make(chan struct{})}
	m.command = exec.CommandContext(context.Background(), binary,
		"--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		// Each controller has a service account, as in most clusters, because the admission policies name two of them.
		"--use-service-account-credentials=true",
	)
	m.command.Stdout, m.command.Stderr = &m.output, &m.output
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Ctrl-C reaches only this program, which then stops the process
	if err := m.command.Start(); err != nil {
		return nil, fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	go func() {
		_ = m.command.Wait() // its error says only that it was stopped
		close(m.exited)
	}()
	return m, nil
}

func (m *controllerManager) stop() error {
	err := m.command.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-m.exited:
	case <-time.After(stopTimeout):
		err = errors.Join(err, m.command.Process.Kill())
		<-m.exited
	}
	return errors.Join(err, os.RemoveAll(m.dir))
}
