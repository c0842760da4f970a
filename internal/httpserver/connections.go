package httpserver

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections are the open connections of a server. If more than limit are open, a new connection closes the one that
// has been unused longest: it has not sent a whole request yet, or none since its last response. So a client cannot
// keep other clients out with connections alone. nginx does the same.
type connections struct {
	limit int

	mu     sync.Mutex
	open   map[net.Conn]*list.Element // the connection's element of unused; nil if it is in use
	unused *list.List                 // of net.Conn, the longest unused first
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, open: map[net.Conn]*list.Element{}, unused: list.New()}
}

// stateChanged implements http.Server.ConnState.
func (c *connections) stateChanged(conn net.Conn, state http.ConnState) {
	if evicted := c.record(conn, state); evicted != nil {
		_ = evicted.Close() // its goroutine reads the error and reports the connection closed
	}
}

// record stores a connection's new state and returns the connection to close, or nil.
func (c *connections) record(conn net.Conn, state http.ConnState) (evicted net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.open[conn]; e != nil {
		c.unused.Remove(e)
	}
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
		return nil
	case http.StateActive:
		c.open[conn] = nil
		return nil
	}
	c.open[conn] = c.unused.PushBack(conn)
	if state != http.StateNew || len(c.open) <= c.limit {
		return nil
	}
	return c.evict(conn)
}

// evict returns the longest unused connection, which is not unused any more. It returns nil if only newest is unused.
func (c *connections) evict(newest net.Conn) net.Conn {
	oldest, _ := c.unused.Front().Value.(net.Conn)
	if oldest == newest {
		return nil
	}
	c.unused.Remove(c.unused.Front())
	c.open[oldest] = nil // open until its goroutine reports it closed
	return oldest
}

// unusedPollInterval is how often waitUntilAllInUse looks: much less than firstRequestTimeout.
const unusedPollInterval = 10 * time.Millisecond

// waitUntilAllInUse waits until every open connection has a request in progress, at most for timeout.
func (c *connections) waitUntilAllInUse(timeout time.Duration) {
	expired := time.After(timeout)
	poll := time.NewTicker(unusedPollInterval)
	defer poll.Stop()
	for c.countUnused() > 0 {
		select {
		case <-poll.C:
		case <-expired:
			return
		}
	}
}

func (c *connections) countUnused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unused.Len()
}
