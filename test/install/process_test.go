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

// start starts a program. Its output is part of the report of a failure.
func start(path string, arguments ...string) *process {
	GinkgoHelper()
	p := &process{command: exec.CommandContext(context.Background(), path, arguments...), exited: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	Expect(p.command.Start()).To(Succeed())
	go func() {
		_ = p.command.Wait() // the cleanup stops it
		close(p.exited)
	}()
	DeferCleanup(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM) // gone already is as good
		<-p.exited
		GinkgoWriter.Printf("%s:\n%s\n", filepath.Base(path), p.output.String())
	})
	return p
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
