package main

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections are those that are open. When nearly all that there may be are, whoever comes takes the place of the
// one that has been out of use longest: it has sent no whole request yet, or none since its last answer. So nobody
// keeps others out by connections alone, and nginx does the same.
type connections struct {
	most int // that may be open, those just coming included

	mu     sync.Mutex
	open   map[net.Conn]*list.Element // in unused; nil for one that is in use
	unused *list.List                 // of net.Conn, that out of use longest first
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[net.Conn]*list.Element{}, unused: list.New()}
}

// changed is http.Server.ConnState.
func (c *connections) changed(conn net.Conn, to http.ConnState) {
	if superfluous := c.note(conn, to); superfluous != nil {
		_ = superfluous.Close() // its goroutine finds it closed, and ends
	}
}

// usePoll is between two looks at who is out of use.
const usePoll = 10 * time.Millisecond

// awaitUse waits until no connection is out of use, but not longer than that.
func (c *connections) awaitUse(most time.Duration) {
	for deadline := time.Now().Add(most); c.outOfUse() > 0 && time.Now().Before(deadline); {
		<-time.After(usePoll)
	}
}

func (c *connections) outOfUse() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unused.Len()
}

// note keeps count, and says which connection is to go.
func (c *connections) note(conn net.Conn, to http.ConnState) (superfluous net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.open[conn]; e != nil {
		c.unused.Remove(e)
	}
	switch to {
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
		return nil
	case http.StateActive:
		c.open[conn] = nil
		return nil
	}
	c.open[conn] = c.unused.PushBack(conn)
	if len(c.open) <= c.most || to != http.StateNew {
		return nil
	}
	superfluous, _ = c.unused.Front().Value.(net.Conn)
	if superfluous == conn { // all others are in use
		return nil
	}
	c.unused.Remove(c.unused.Front())
	c.open[superfluous] = nil // it has gone when the server says so
	return superfluous
}
