package main

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// handOver is how long a listener that is closed waits for those to be accepted who came last: many times what it takes.
const handOver = time.Second

// courteousListener accepts, when it is closed, whoever has been let in by the kernel. A connection that nobody has
// accepted would be reset, and with it the request that its client has sent already.
type courteousListener struct {
	*net.TCPListener
	close  sync.Once
	closed chan struct{}
	late   chan net.Conn // those whom Close has accepted
}

func listen(address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return l, nil
	}
	return &courteousListener{TCPListener: tcp, closed: make(chan struct{}), late: make(chan net.Conn)}, nil
}

// Accept is part of net.Listener.
func (l *courteousListener) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if err == nil {
		return c, nil
	}
	select {
	case <-l.closed:
	default:
		return nil, err
	}
	if c, open := <-l.late; open {
		return c, nil
	}
	return nil, net.ErrClosed
}

// Close is part of net.Listener. It returns when Accept has handed out all who were let in; those that it has not within
// handOver are closed.
func (l *courteousListener) Close() error {
	err := net.ErrClosed
	l.close.Do(func() {
		close(l.closed)
		defer close(l.late)
		var waiting []net.Conn
		waiting, err = l.shut()
		err = errors.Join(err, l.TCPListener.Close())
		enough, cancel := context.WithTimeout(context.Background(), handOver)
		defer cancel()
		for _, c := range waiting {
			select {
			case l.late <- c:
			case <-enough.Done():
				err = errors.Join(err, c.Close())
			}
		}
	})
	return err
}

// shut takes whoever waits, and shuts the socket the moment that nobody does.
func (l *courteousListener) shut() (waiting []net.Conn, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	var sockets []int
	var refused error
	err = raw.Control(func(fd uintptr) {
		for len(sockets) < maxConnections {
			s, _, failed := syscall.Accept(int(fd))
			if errors.Is(failed, syscall.EINTR) || errors.Is(failed, syscall.ECONNABORTED) {
				continue
			}
			if failed != nil {
				if !errors.Is(failed, syscall.EAGAIN) {
					refused = os.NewSyscallError("accept", failed)
				}
				break
			}
			sockets = append(sockets, s)
		}
		_ = syscall.Shutdown(int(fd), syscall.SHUT_RD) // or it would be open until Accept has let go of it
	})
	err = errors.Join(err, refused)
	for _, s := range sockets {
		syscall.CloseOnExec(s)
		f := os.NewFile(uintptr(s), "connection")
		c, failed := net.FileConn(f) // of a copy
		if err = errors.Join(err, failed, f.Close()); failed == nil {
			waiting = append(waiting, c)
		}
	}
	return waiting, err
}
