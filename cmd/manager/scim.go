package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	// maxConnections is more than providers open, and bounds what slow clients can hold. More wait.
	maxConnections = 4096
	// maxHeaderBytes is more than any provider sends, and less than Go's default of 1 MiB.
	maxHeaderBytes = 64 << 10
)

// scimServer serves SCIM on every replica, leader or not. It is stopped before the caches are, so that
// requests in flight can still be verified.
type scimServer struct{ manager.Server }

// NeedLeaderElection is part of manager.LeaderElectionRunnable.
func (*scimServer) NeedLeaderElection() bool { return false }

// newSCIMServer listens at once: a port that is taken is an error at start.
func newSCIMServer(mgr manager.Manager, o options, handler http.Handler) (*scimServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.scimAddress)
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
	timeout := drainTimeout
	return &scimServer{manager.Server{
		Name:            "scim",
		Listener:        listener,
		ShutdownTimeout: &timeout,
		Server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       exchangeTimeout,
			WriteTimeout:      2 * exchangeTimeout, // counted from the end of the request's header
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			BaseContext:       func(net.Listener) context.Context { return context.Background() },
		},
	}}, nil
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
