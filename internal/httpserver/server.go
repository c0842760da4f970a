// Package httpserver serves an http.Handler on every replica: the listener, TLS, limits of load, and shutdown.
//
//	server.go       configuration, start and shutdown
//	tls.go          the certificate, which is reloaded when its files change
//	limits.go       timeouts and bounds, each with its reason
//	clientaddress.go  the client's address behind a proxy
//	connections.go  the connection that is closed when too many are open
package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Config describes a server. Address and Handler are required.
type Config struct {
	// Address is the TCP address to listen on, such as ":8443".
	Address string
	// CertFile and KeyFile are the certificate and its private key, PEM. Both are read again when they change.
	CertFile, KeyFile string
	// PlainHTTP serves without TLS. CertFile and KeyFile are not read.
	PlainHTTP bool
	// Handler serves the requests.
	Handler http.Handler
	// TrustedProxies are the networks of the proxies whose X-Forwarded-For says which client a request came from. Of other
	// peers the header is not read. The handler sees the client in RemoteAddr, then without a port.
	TrustedProxies []netip.Prefix
	// Log receives the errors of connections, such as failed TLS handshakes; by default slog.Default().
	Log *slog.Logger
}

// Server is a manager.Runnable that serves whether or not its replica is the leader. The manager stops it before the
// caches, so that a request in progress can still read them.
type Server struct {
	http         *http.Server
	listener     net.Listener
	certificate  *certwatcher.CertWatcher // nil without TLS
	connections  *connections
	shuttingDown atomic.Bool
}

// New returns a server that listens already, so that a port in use or an unreadable certificate is an error at once.
func New(c Config) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", c.Address)
	if err != nil {
		return nil, err
	}
	s := &Server{
		listener:    netutil.LimitListener(listener, maxConnections),
		connections: newConnections(maxConnections - spareConnections),
	}
	if !c.PlainHTTP {
		if err := s.useTLS(c.CertFile, c.KeyFile); err != nil {
			return nil, errors.Join(err, listener.Close())
		}
	}
	s.http = newHTTPServer(s.closeWhileShuttingDown(withClientAddress(c.Handler, c.TrustedProxies)))
	s.http.ErrorLog = slog.NewLogLogger(cmp.Or(c.Log, slog.Default()).Handler(), slog.LevelInfo)
	s.http.ConnState = s.connections.stateChanged
	return s, nil
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Server) NeedLeaderElection() bool { return false }

// Ready implements healthz.Checker. It fails as soon as the server shuts down.
func (s *Server) Ready(*http.Request) error {
	if s.shuttingDown.Load() {
		return errors.New("the server is shutting down")
	}
	return nil
}

// Start implements manager.Runnable. It serves until ctx ends, then shuts down within ShutdownTimeout.
func (s *Server) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.certificate != nil {
		group.Go(func() error { return s.certificate.Start(ctx) })
	}
	group.Go(func() error { return s.serve(ctx) })
	return group.Wait()
}

func (s *Server) serve(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", s.Addr(), err)
	case <-ctx.Done():
		return s.shutDown(context.WithoutCancel(ctx), served)
	}
}

// shutDown ends the server without losing a request: it asks clients to close their connections, then closes the
// listener, then waits for the requests in progress. The listener is closed before http.Server.Shutdown is called,
// because from that call on http.Server drops each request that it reads.
func (s *Server) shutDown(ctx context.Context, served <-chan error) error {
	s.shuttingDown.Store(true)
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", s.Addr(), err)
	case <-time.After(shutdownDelay):
	}
	err := s.listener.Close()
	if serveErr := <-served; !errors.Is(serveErr, net.ErrClosed) { // every accepted connection is counted from here on
		err = errors.Join(err, serveErr)
	}
	s.connections.waitUntilAllInUse(firstRequestTimeout)
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if drainErr := s.http.Shutdown(ctx); drainErr != nil {
		err = errors.Join(err, fmt.Errorf("waiting %s for the requests in progress: %w", drainTimeout, drainErr))
	}
	return err
}

// closeWhileShuttingDown returns a handler that asks each client to close its connection while the server shuts down.
// On HTTP/2 the header becomes a GOAWAY frame.
func (s *Server) closeWhileShuttingDown(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.shuttingDown.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}
