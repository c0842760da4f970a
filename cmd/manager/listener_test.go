package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

// Whoever has connected before the listener is closed is heard, however late it is accepted.
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
	heard := map[string]bool{}
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		heard[line] = true
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
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	began := time.Now()
	if err := l.Close(); err != nil || time.Since(began) > time.Minute {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
