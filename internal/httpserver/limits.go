package httpserver

import (
	"net/http"
	"time"
)

// Timeouts of a connection.
const (
	// readHeaderTimeout ends a connection whose client sends a header slowly on purpose.
	readHeaderTimeout = 10 * time.Second
	// readTimeout bounds the reading of a request: Okta closes the connection after 60 seconds.
	readTimeout = 60 * time.Second
	// writeTimeout starts at the end of the header. It leaves as much for the response as readTimeout for the body.
	writeTimeout = 2 * readTimeout
	// idleTimeout is longer than an identity provider pauses within a synchronization, so that it keeps its connection.
	idleTimeout = 2 * time.Minute
)

// Bounds of what clients can occupy.
const (
	// maxConnections is more than identity providers open. A further connection waits in the kernel's queue.
	maxConnections = 4096
	// spareConnections are kept free: if fewer are left, a new connection closes the longest unused one. The spare ones
	// cover the time in which a closed connection is still counted.
	spareConnections = 128
	// maxStreams bounds the concurrent requests of an HTTP/2 connection. RFC 9113 section 6.5.2 recommends at least 100.
	maxStreams = 100
	// receiveBuffer bounds the request bytes of an HTTP/2 connection that no handler has read: 256 KiB, a quarter of
	// Go's default, because slow handlers on maxConnections connections can hold that many buffers.
	receiveBuffer = 256 << 10
	// maxHeaderBytes is more than any identity provider sends: 64 KiB, where Go's default is 1 MiB.
	maxHeaderBytes = 64 << 10
)

// The steps of a shutdown. config/manager/deployment.yaml adds them up in terminationGracePeriodSeconds.
const (
	// ShutdownTimeout is the longest that Start takes to return after its context has ended.
	ShutdownTimeout = shutdownDelay + firstRequestTimeout + drainTimeout

	// shutdownDelay is how long the server goes on accepting and asks each client to close its connection. A server that
	// closes an unused connection itself can lose a request that is on its way, so a busy client is told instead.
	shutdownDelay = 3 * time.Second
	// firstRequestTimeout is how long the last accepted connections have to send their requests: many round trips.
	firstRequestTimeout = time.Second
	// drainTimeout is how long requests in progress have to end: as long as a write may take.
	drainTimeout = 25 * time.Second
)

// newHTTPServer returns an http.Server with the limits above.
func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: receiveBuffer,
			MaxReceiveBufferPerStream:     receiveBuffer,
		},
	}
}
