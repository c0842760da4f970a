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

// controllerManager is kube-controller-manager as a process.
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
	//nolint:gosec // G204: the binary is that of the prepared control plane
	m.command = exec.CommandContext(context.Background(), binary,
		"--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--use-service-account-credentials=false",
	)
	m.command.Stdout, m.command.Stderr = &m.output, &m.output
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to pass on
	if err := m.command.Start(); err != nil {
		return nil, fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	go func() {
		_ = m.command.Wait() // how it ended does not matter once it is stopped
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
