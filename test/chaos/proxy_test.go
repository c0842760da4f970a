package chaos

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers each line with itself.
func echo(t *testing.T) (address string, heard <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	lines := make(chan string, 10)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				for s := bufio.NewScanner(c); s.Scan(); {
					lines <- s.Text()
					_, _ = fmt.Fprintln(c, s.Text())
				}
				_ = c.Close()
			}()
		}
	}()
	return listener.Addr().String(), lines
}

func TestAProxyHoldsBackWhatItsModeSays(t *testing.T) {
	address, heard := echo(t)
	p, err := NewProxy(address)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	answers := func(c net.Conn, within time.Duration) bool {
		_ = c.SetReadDeadline(time.Now().Add(within))
		n, _ := c.Read(make([]byte, 10))
		return n > 0
	}
	const soon, never = 5 * time.Second, 50 * time.Millisecond

	c := dial()
	fmt.Fprintln(c, "1")
	if !answers(c, soon) || <-heard != "1" {
		t.Fatal("nothing comes through")
	}
	p.Set(Mute)
	fmt.Fprintln(c, "2")
	if <-heard != "2" || answers(c, never) {
		t.Error("muted: requests go on, answers do not")
	}
	p.Set(BlackHole)
	fmt.Fprintln(c, "3")
	if answers(c, never) || len(heard) > 0 {
		t.Error("something comes out of the black hole")
	}
	p.Set(Forward)
	_ = c.SetReadDeadline(time.Now().Add(soon))
	held := make([]byte, len("2\n3\n")) // they may come in two parts
	if _, err := io.ReadFull(c, held); string(held) != "2\n3\n" || <-heard != "3" {
		t.Errorf("what was held back is lost: %q, %v", held, err)
	}
	p.Cut()
	if answers(c, never) {
		t.Error("the connection is not cut")
	}
	c = dial()
	fmt.Fprintln(c, "4")
	if !answers(c, soon) {
		t.Error("after the cut nothing comes through")
	}
	p.Set(Refuse)
	if answers(c, never) || answers(dial(), never) {
		t.Error("connections are not refused")
	}
}
