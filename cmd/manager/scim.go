package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// readHeaderTimeout keeps slow clients from holding connections for nothing.
	readHeaderTimeout = 10 * time.Second
	// exchangeTimeout bounds the reading of a request, and the writing of an answer after that: the 60
	// seconds after which Okta closes the connection.
	exchangeTimeout = 60 * time.Second
	// idleTimeout is how long an unused connection is kept: longer than a provider pauses within a cycle.
	idleTimeout = 2 * time.Minute
	// drainTimeout is how long requests in flight have at shutdown: as long as a write may take.
	drainTimeout = 25 * time.Second
	// lastCall is how long a replica that is to end goes on taking requests, and asks each client to close its
	// connection. A connection that is closed while nothing is under way on it may have a request on its way, which
	// would fail: a busy client is told within this time instead. A Service has stopped sending new ones by then.
	lastCall = 3 * time.Second
	// lastWord is how long those have who came last, to send their requests: many times what it takes.
	lastWord = time.Second
	// maxConnections is more than providers open, and bounds what slow clients can hold. More wait.
	maxConnections = 4096
	// sparedConnections are for whoever comes when nearly all are taken: then one that is not in use is closed.
	sparedConnections = 128
	// maxStreams is how many requests an HTTP/2 connection has at a time: what RFC 9113 section 6.5.2 recommends at
	// least.
	maxStreams = 100
	// receiveBuffer is how much of an HTTP/2 connection's requests may be here before it is asked for, in bytes: a
	// quarter of Go's default, for this times maxConnections is what silent handlers could be made to hold.
	receiveBuffer = 256 << 10
	// maxHeaderBytes is more than any provider sends, and less than Go's default of 1 MiB.
	maxHeaderBytes = 64 << 10
)

// scimServer serves SCIM on every replica, leader or not. It is stopped before the caches are, so that
// requests in flight can still be verified.
type scimServer struct {
	http        *http.Server
	listener    net.Listener
	connections *connections
	ending      atomic.Bool
}

// NeedLeaderElection is part of manager.LeaderElectionRunnable.
func (*scimServer) NeedLeaderElection() bool { return false }

// Start is part of manager.Runnable. When ctx ends it asks its clients for their connections, and then takes no new
// ones; it lets those that came last send what they came for, because http.Server drops a request that it reads
// after its Shutdown has begun (and what is under way then is answered).
func (s *scimServer) Start(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.ending.Store(true)
	select {
	case err := <-served:
		return err
	case <-time.After(lastCall):
	}
	err := s.listener.Close()
	if why := <-served; !errors.Is(why, net.ErrClosed) { // now every connection that has been accepted is known
		err = errors.Join(err, why)
	}
	s.connections.awaitUse(lastWord)
	drained, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return errors.Join(err, s.http.Shutdown(drained))
}

// ready is a healthz.Checker.
func (s *scimServer) ready(*http.Request) error {
	if s.ending.Load() {
		return errors.New("it is to end")
	}
	return nil
}

// leaving asks clients to close their connections once this replica is to end: on HTTP/2 by GOAWAY.
func (s *scimServer) leaving(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.ending.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

// newSCIMServer listens at once: a port that is taken is an error at start.
func newSCIMServer(mgr manager.Manager, o options, handler http.Handler) (*scimServer, error) {
	listener, err := listen(o.scimAddress)
	if err != nil {
		return nil, fmt.Errorf("--scim-bind-address: %w", err)
	}
	listener = netutil.LimitListener(listener, maxConnections)
	if !o.insecureHTTP {
		config, err := tlsConfig(mgr, o)
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		listener = tls.NewListener(listener, config)
	}
	s := serveOn(listener, handler)
	return s, mgr.AddReadyzCheck("scim", s.ready)
}

func serveOn(listener net.Listener, handler http.Handler) *scimServer {
	s := &scimServer{listener: listener, connections: newConnections(maxConnections - sparedConnections)}
	s.http = &http.Server{
		Handler:           s.leaving(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       exchangeTimeout,
		WriteTimeout:      2 * exchangeTimeout, // counted from the end of the request's header
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: receiveBuffer,
			MaxReceiveBufferPerStream:     receiveBuffer,
		},
		ConnState:   s.connections.changed,
		BaseContext: func(net.Listener) context.Context { return context.Background() },
	}
	return s
}

// tlsConfig serves the certificate as it is in the files, also after they have changed.
func tlsConfig(mgr manager.Manager, o options) (*tls.Config, error) {
	watcher, err := certwatcher.New(o.certFile, o.keyFile)
	if err != nil {
		return nil, fmt.Errorf("--scim-tls-cert-file, --scim-tls-key-file: %w", err)
	}
	if err := mgr.Add(watcher); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12, // Entra ID speaks 1.2
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: watcher.GetCertificate,
	}, nil
}
