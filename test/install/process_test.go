//go:build install

package install

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
)

// process is a program that runs until the suite or the spec ends.
type process struct {
	command *exec.Cmd
	output  lockedBuffer
	exited  chan struct{}
}

const (
	// stopTimeout is how long a program may take to end: longer than the manager finishes requests.
	stopTimeout = 40 * time.Second
	// outputTimeout is how long a process that a program has left behind may hold its output.
	outputTimeout = 5 * time.Second
)

// start starts a program. Its output is part of the report of a failure.
func start(path string, arguments ...string) *process {
	GinkgoHelper()
	p := &process{command: exec.CommandContext(context.Background(), path, arguments...), exited: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.WaitDelay = outputTimeout
	Expect(p.command.Start()).To(Succeed())
	go func() {
		_ = p.command.Wait() // the cleanup stops it
		close(p.exited)
	}()
	DeferCleanup(func() {
		p.stop()
		GinkgoWriter.Printf("%s:\n%s\n", filepath.Base(path), p.output.String())
	})
	return p
}

// stop asks the program to end, and kills it if it does not.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM) // gone already is as good
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.exited
		GinkgoWriter.Printf("%s did not end within %s and was killed\n", filepath.Base(p.command.Path), stopTimeout)
	}
}

// ended reports whether the program has ended.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// lockedBuffer is a buffer that is written by a process and read by a spec.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// writeKubeconfig writes a kubeconfig with an identity into a folder of its own, and returns its path.
func writeKubeconfig(identity *rest.Config) string {
	GinkgoHelper()
	content, err := plane.Kubeconfig(identity)
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(file, content, 0o600)).To(Succeed())
	return file
}
