package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/netutil"
)

// A replica that is told to end answers whoever is connected, and asks for the connection: one that it has kept, and
// one whose first request comes only when no new connection is taken any more. It ends when both have gone.
func TestAServerThatEndsLosesNoRequest(t *testing.T) {
	listener, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveOn(netutil.LimitListener(listener, maxConnections), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	kept, late := dialled(t, listener.Addr()), dialled(t, listener.Addr())
	if kept.ask(t) {
		t.Error("the connection is asked for before the end")
	}
	if err := s.ready(nil); err != nil {
		t.Error(err)
	}
	end()
	for s.ready(nil) == nil {
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
	}
	if !kept.ask(t) {
		t.Error("a connection that is kept is not asked for")
	}
	for { // until it takes no new ones
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
		<-time.After(usePoll)
	}
	if !late.ask(t) {
		t.Error("nor is one whose first request came last")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type connection struct {
	net.Conn
	answers *bufio.Reader
}

func dialled(t *testing.T, to net.Addr) *connection {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &connection{conn, bufio.NewReader(conn)}
}

// ask sends a request, and reports whether the answer asks for the connection to be closed.
func (c *connection) ask(t *testing.T) bool {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.Close
}
