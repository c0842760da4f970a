package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

// Whoever has connected before the listener is closed is heard, though it is accepted afterwards.
func TestNobodyWhoHasConnectedIsReset(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const clients = 20
	for i := range clients {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := fmt.Fprintf(c, "%d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	for { // until nobody is let in any more
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		_ = c.Close()
	}
	heard := map[string]bool{}
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); err == nil { // else it is one of those that tried
			heard[line] = true
		}
		_ = c.Close()
	}
	if err := <-closed; err != nil || len(heard) != clients {
		t.Errorf("%d of %d were heard: %v", len(heard), clients, err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Errorf("connected to a closed listener, from %s", c.LocalAddr())
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
}

// A listener that nobody asks any more is closed all the same.
func TestACloseDoesNotWaitForEver(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits for ever")
	}
}
