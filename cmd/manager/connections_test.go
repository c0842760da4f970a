package main

import (
	"net"
	"net/http"
	"testing"
)

// noted is a connection that knows whether it was closed.
type noted struct {
	net.Conn
	closed bool
}

func (n *noted) Close() error {
	n.closed = true
	return nil
}

// Whoever comes when all are taken takes the place of the one that is out of use longest, and never of one in use.
func TestConnectionsOutOfUseMakeRoom(t *testing.T) {
	c := newConnections(3)
	come := func() *noted {
		n := &noted{}
		c.changed(n, http.StateNew)
		return n
	}
	busy, rested, silent := come(), come(), come()
	c.changed(busy, http.StateActive)
	c.changed(rested, http.StateActive)
	c.changed(rested, http.StateIdle)
	fourth := come()
	if !silent.closed || busy.closed || rested.closed || fourth.closed {
		t.Fatal("the one that has never asked was not the one to go")
	}
	c.changed(silent, http.StateClosed)
	fifth := come()
	if !rested.closed || busy.closed || fourth.closed || fifth.closed {
		t.Fatal("the one that rests longest was not the next")
	}
	c.changed(rested, http.StateClosed)
	for _, n := range []*noted{fourth, fifth} {
		c.changed(n, http.StateActive)
	}
	if sixth := come(); sixth.closed || busy.closed || fourth.closed || fifth.closed {
		t.Fatal("one was closed though all are in use")
	} else {
		c.changed(sixth, http.StateClosed)
	}
	for _, n := range []*noted{busy, fourth, fifth} {
		c.changed(n, http.StateClosed)
	}
	if len(c.open) != 0 || c.unused.Len() != 0 {
		t.Errorf("%d are remembered that have gone, %d out of use", len(c.open), c.unused.Len())
	}
}
