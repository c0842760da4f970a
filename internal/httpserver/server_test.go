package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

var (
	_ manager.Runnable               = (*Server)(nil)
	_ manager.LeaderElectionRunnable = (*Server)(nil)
	_ healthz.Checker                = (*Server)(nil).Ready
)

// dialInterval is the pause between attempts to connect.
const dialInterval = 10 * time.Millisecond

// running is a server that has been started.
type running struct {
	*Server
	stop context.CancelFunc
	done chan error // receives what Start returned
}

func start(t *testing.T, c Config) *running {
	t.Helper()
	c.Address = "127.0.0.1:0"
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{Server: s, stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Start(ctx) }()
	return r
}

// stopAndWait shuts the server down and waits for it.
func (r *running) stopAndWait(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// waitUntilNotReady waits until the readiness check fails.
func (r *running) waitUntilNotReady(t *testing.T) {
	t.Helper()
	for r.Ready(nil) == nil {
		select {
		case err := <-r.done:
			t.Fatalf("the server ended: %v", err)
		default:
		}
	}
}

// waitUntilListenerClosed waits until no connection is accepted.
func (r *running) waitUntilListenerClosed(t *testing.T) {
	t.Helper()
	poll := time.NewTicker(dialInterval)
	defer poll.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Addr().String())
		if err != nil {
			return
		}
		_ = conn.Close() // the connection was the check
		<-poll.C
	}
}

// clientConn is a client's connection of HTTP/1.1.
type clientConn struct {
	net.Conn
	responses *bufio.Reader
}

func dial(t *testing.T, r *running) *clientConn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // some tests have the server close it
	return &clientConn{conn, bufio.NewReader(conn)}
}

func (c *clientConn) send(t *testing.T, path string) {
	t.Helper()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

// receive reads a response and reports whether it asks the client to close the connection.
func (c *clientConn) receive(t *testing.T) (closes bool) {
	t.Helper()
	response, err := http.ReadResponse(c.responses, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", response.StatusCode)
	}
	return response.Close
}

// request sends a request and reports whether the response asks the client to close the connection.
func (c *clientConn) request(t *testing.T) (closes bool) {
	t.Helper()
	c.send(t, "/")
	return c.receive(t)
}

// noContent answers each request with 204, one to /slow after release is closed.
func noContent(release <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func TestShutdownLosesNoRequest(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := start(t, Config{PlainHTTP: true, Handler: noContent(release)})
	kept, late, slow := dial(t, r), dial(t, r), dial(t, r)
	if kept.request(t) {
		t.Error("a response asks for the connection to be closed before the shutdown")
	}
	if err := r.Ready(nil); err != nil {
		t.Error(err)
	}
	r.stop()
	r.waitUntilNotReady(t)
	slow.send(t, "/slow")
	if !kept.request(t) {
		t.Error("a response on a kept connection does not ask for it to be closed")
	}
	if !dial(t, r).request(t) {
		t.Error("a response on a connection that was opened during the shutdown does not ask for it to be closed")
	}
	r.waitUntilListenerClosed(t)
	if !late.request(t) {
		t.Error("a response to a first request after the listener closed does not ask for the connection to be closed")
	}
	close(release)
	if !slow.receive(t) {
		t.Error("a response to a slow request does not ask for the connection to be closed")
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestIdleConnectionDoesNotDelayShutdown(t *testing.T) {
	t.Parallel()
	r := start(t, Config{PlainHTTP: true, Handler: noContent(nil)})
	idle := dial(t, r)
	idle.request(t)
	began := time.Now()
	r.stopAndWait(t)
	if took := time.Since(began); took >= ShutdownTimeout {
		t.Errorf("the shutdown took %s", took)
	}
	if _, err := idle.responses.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection is not closed: %v", err)
	}
}

func TestShutdownMovesHTTP2ClientsToNewConnections(t *testing.T) {
	t.Parallel()
	certificate := newCertificate(t, "first")
	r := start(t, Config{CertFile: certificate.certFile, KeyFile: certificate.keyFile, Handler: noContent(nil)})
	transport := &http.Transport{TLSClientConfig: certificate.trusted(t), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	reused := func() (reused bool) {
		t.Helper()
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+r.Addr().String(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if response.ProtoMajor != 2 {
			t.Errorf("%s is spoken", response.Proto)
		}
		return reused
	}
	reused()
	if !reused() {
		t.Error("a client opens a new connection before the shutdown")
	}
	r.stop()
	r.waitUntilNotReady(t)
	reused()
	if reused() {
		t.Error("a client goes on with its connection during the shutdown")
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestLongHeaderIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, Config{PlainHTTP: true, Handler: noContent(nil)})
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Addr().String(), http.NoBody)
	request.RequestURI = ""
	request.Header.Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
	r.stopAndWait(t)
}

func TestPortInUseIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := New(Config{Address: listener.Addr().String(), PlainHTTP: true, Handler: noContent(nil)}); err == nil {
		t.Error("no error")
	}
}
