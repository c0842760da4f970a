package chaos

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Mode is what a proxy does with what passes through it.
type Mode int

const (
	// Forward passes everything on.
	Forward Mode = iota
	// Mute passes requests on and holds answers back: requests are carried out without an answer.
	Mute
	// BlackHole holds everything back without an error.
	BlackHole
	// Refuse closes all connections, new ones too.
	Refuse
)

// Proxy is a TCP proxy between one replica and the API server.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	mode    Mode
	changed chan struct{} // closed when the mode changes
	conns   map[net.Conn]bool
	closed  bool
}

// NewProxy returns a proxy for a target such as "127.0.0.1:6443". It listens on a free port of this machine.
func NewProxy(target string) (*Proxy, error) { return NewProxyAt("127.0.0.1:0", target) }

// NewProxyAt returns a proxy that listens on an address, such as that of a proxy which was closed.
func NewProxyAt(address, target string) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	go p.serve()
	return p, nil
}

// Address returns the address that the proxy listens on.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Set changes the mode, also of existing connections.
func (p *Proxy) Set(m Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	close(p.changed)
	p.changed = make(chan struct{})
	if m == Refuse {
		p.cut()
	}
}

// Cut ends all connections, and so all watches. New ones are as the mode says.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	for c := range p.conns {
		_ = c.Close() // it may be closed already
	}
	clear(p.conns)
}

// Close closes the listener and all connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.cut()
	return p.listener.Close()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go p.connect(client)
		}
	}
}

func (p *Proxy) connect(client net.Conn) {
	if !p.admit(client) {
		return
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		p.forget(client)
		return
	}
	if !p.admit(server) {
		p.forget(client)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, BlackHole) })
	both.Go(func() { p.copy(client, server, Mute) })
	both.Wait()
}

// admit registers a connection, or closes it.
func (p *Proxy) admit(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.mode == Refuse {
		_ = c.Close() // it may be closed already
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close() // it may be closed already
}

// copy passes bytes from one side to the other while the mode is less than the one that holds them back.
func (p *Proxy) copy(to, from net.Conn, heldBy Mode) {
	defer p.forget(to)
	defer p.forget(from)
	for buffer := make([]byte, 32<<10); ; {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.pass(to, heldBy) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until the mode lets bytes through, and returns true, or until the connection is cut.
func (p *Proxy) pass(c net.Conn, heldBy Mode) bool {
	for {
		p.mu.Lock()
		mode, changed, there := p.mode, p.changed, p.conns[c]
		p.mu.Unlock()
		if !there || mode < heldBy {
			return there
		}
		<-changed
	}
}
