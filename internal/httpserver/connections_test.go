package httpserver

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// fakeConn is a connection that records whether it was closed.
type fakeConn struct {
	net.Conn
	closed bool
}

func (c *fakeConn) Close() error {
	c.closed = true
	return nil
}

func openConn(c *connections) *fakeConn {
	conn := &fakeConn{}
	c.stateChanged(conn, http.StateNew)
	return conn
}

func TestNewConnectionClosesTheLongestUnused(t *testing.T) {
	c := newConnections(3)
	active, idle, silent := openConn(c), openConn(c), openConn(c)
	c.stateChanged(active, http.StateActive)
	c.stateChanged(idle, http.StateActive)
	c.stateChanged(idle, http.StateIdle)
	fourth := openConn(c)
	if !silent.closed || active.closed || idle.closed || fourth.closed {
		t.Fatal("the fourth connection did not close the one that has never sent a request")
	}
	c.stateChanged(silent, http.StateClosed)
	fifth := openConn(c)
	if !idle.closed || active.closed || fourth.closed || fifth.closed {
		t.Fatal("the fifth connection did not close the one that has been idle longest")
	}
}

func TestConnectionInUseIsNotClosed(t *testing.T) {
	c := newConnections(1)
	active := openConn(c)
	c.stateChanged(active, http.StateActive)
	if second := openConn(c); active.closed || second.closed {
		t.Errorf("closed: the active connection %v, the new one %v", active.closed, second.closed)
	}
}

func TestClosedConnectionsAreForgotten(t *testing.T) {
	c := newConnections(2)
	for _, state := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle} {
		conn := openConn(c)
		c.stateChanged(conn, state)
		c.stateChanged(conn, http.StateClosed)
	}
	if len(c.open) != 0 || c.countUnused() != 0 {
		t.Errorf("%d connections are still counted, %d as unused", len(c.open), c.countUnused())
	}
}

func TestWaitEndsWhenEveryConnectionIsInUse(t *testing.T) {
	c := newConnections(2)
	conn := openConn(c)
	waited := make(chan struct{})
	go func() {
		c.waitUntilAllInUse(time.Hour)
		close(waited)
	}()
	c.stateChanged(conn, http.StateActive)
	<-waited
}

func TestWaitEndsAfterItsTimeout(t *testing.T) {
	c := newConnections(2)
	openConn(c)
	c.waitUntilAllInUse(time.Millisecond)
	if c.countUnused() != 1 {
		t.Error("the connection is not unused any more")
	}
}
