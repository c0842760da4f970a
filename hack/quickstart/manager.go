package quickstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

const (
	// readyTimeout is how long a manager may take to be ready; it takes one or two seconds.
	readyTimeout = time.Minute
	// stopTimeout is how long it may take to stop: longer than it drains requests.
	stopTimeout = 40 * time.Second
	// pollInterval is how often readiness is asked for.
	pollInterval = 50 * time.Millisecond
)

// The environment of the container in config/manager: what is tested and measured here collects garbage as it does there.
const (
	memoryLimit       = "800MiB" // GOMEMLIMIT
	garbageCollection = "200"    // GOGC
)

// Manager is one replica of the operator, as a process of its own.
type Manager struct {
	// URL is the SCIM base URL of this replica.
	URL string
	// MetricsURL is where its metrics are.
	MetricsURL string
	// PprofURL is where its profiles are; "" without Options.Profile.
	PprofURL string

	options  managerOptions // it was started with
	port     int
	probeURL string
	command  *exec.Cmd
	tail     *tailWriter
	exited   chan struct{} // closed when the process is gone
	failure  error         // why; valid once exited is closed
}

// managerOptions are what one replica is started with.
type managerOptions struct {
	binary      string
	kubeconfig  string
	port        int                     // of the SCIM service; 0 for a free one
	certificate *selfsigned.Certificate // nil for plain HTTP
	publicURL   string                  // "" for the replica's own URL
	flags       []string                // more of them
	profile     bool
	log         io.Writer
}

// startManager starts a replica and waits until it is ready.
func startManager(ctx context.Context, o managerOptions) (*Manager, error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	if o.port != 0 {
		ports[0] = o.port
	}
	scheme := "https"
	if o.certificate == nil {
		scheme = "http"
	}
	m := &Manager{
		URL:        fmt.Sprintf("%s://127.0.0.1:%d/scim/v2", scheme, ports[0]),
		MetricsURL: fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[1]),
		probeURL:   fmt.Sprintf("http://127.0.0.1:%d", ports[2]),
		port:       ports[0],
		exited:     make(chan struct{}),
	}
	if o.publicURL == "" {
		o.publicURL = m.URL
	}
	if o.profile {
		m.PprofURL = fmt.Sprintf("http://127.0.0.1:%d/debug/pprof", ports[3])
	}
	m.options = o
	m.command = exec.CommandContext(context.Background(), o.binary, arguments(o, ports)...)
	m.command.Env = append(os.Environ(), "KUBECONFIG="+o.kubeconfig, "GOMEMLIMIT="+memoryLimit, "GOGC="+garbageCollection)
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to pass on
	m.tail = &tailWriter{to: o.log}
	m.command.Stdout, m.command.Stderr = m.tail, m.tail
	if err := m.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the manager: %w", err)
	}
	go func() {
		m.failure = m.command.Wait()
		close(m.exited)
	}()
	if err := m.awaitReady(ctx); err != nil {
		m.Kill()
		return nil, fmt.Errorf("%w; its last lines:\n%s", err, m.LastLines())
	}
	return m, nil
}

func arguments(o managerOptions, ports []int) []string {
	on := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i])) }
	arguments := append([]string{
		"--scim-bind-address=" + on(0),
		"--metrics-bind-address=" + on(1),
		"--metrics-secure=false",
		"--health-probe-bind-address=" + on(2),
		"--scim-public-url=" + o.publicURL,
	}, o.flags...)
	if o.profile {
		arguments = append(arguments, "--pprof-bind-address="+on(3))
	}
	if o.certificate == nil {
		return append(arguments, "--scim-insecure-http")
	}
	return append(arguments, "--scim-tls-cert-file="+o.certificate.Cert, "--scim-tls-key-file="+o.certificate.Key)
}

func (m *Manager) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for ticker := time.NewTicker(pollInterval); ; {
		if m.Ready(ctx) {
			return nil
		}
		select {
		case <-m.exited:
			return fmt.Errorf("the manager ended: %v", m.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("the manager is not ready: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// Ready asks the manager's readiness probe.
func (m *Manager) Ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.probeURL+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// PID returns the id of the process.
func (m *Manager) PID() int { return m.command.Process.Pid }

// Exited returns a channel that is closed when the process has ended.
func (m *Manager) Exited() <-chan struct{} { return m.exited }

// LastLines returns the end of what the process wrote.
func (m *Manager) LastLines() string { return m.tail.last() }

// Kill ends the process as a crash would.
func (m *Manager) Kill() {
	_ = m.command.Process.Kill() // gone already is as good
	<-m.exited
}

// Dump has the process print what each of its goroutines does, and end.
func (m *Manager) Dump() {
	_ = m.command.Process.Signal(syscall.SIGQUIT) // gone already is as good
	<-m.exited
}

// Stop asks the process to end, and ends it when it does not.
func (m *Manager) Stop() error {
	if err := m.command.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-m.exited:
		return m.failure
	case <-time.After(stopTimeout):
		m.Kill()
		return fmt.Errorf("the manager did not stop within %s and was killed", stopTimeout)
	}
}

// vacant says whether a port is in use, before anything is started for it. Zero is any port.
func vacant(port int) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("port %d cannot be had (%w): choose another, or none for a free one", port, err)
	}
	return listener.Close()
}

// freePorts returns ports that were free a moment ago.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer listener.Close() // held until all are found, so that none is given twice
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		ports = append(ports, int(address.Port()))
	}
	return ports, nil
}
