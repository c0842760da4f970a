package overload_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	// maxConnections is how many connections the manager keeps open: internal/httpserver/limits.go.
	maxConnections = 4096
	// flood is how many connections the spec opens: more than the manager keeps.
	flood = maxConnections + 1000
	// openers is how many connections are opened at a time.
	openers = 16
)

// address returns the host and port of the SCIM service.
func address() string {
	GinkgoHelper()
	u, err := url.Parse(environment.BaseURL)
	Expect(err).NotTo(HaveOccurred())
	return u.Host
}

// heldConnections are connections that the test keeps open.
type heldConnections struct {
	mu     sync.Mutex
	all    []net.Conn
	closed atomic.Int64 // how many the server has closed
	done   sync.WaitGroup
}

// holdConnections opens n connections, and counts those that the server closes.
func holdConnections(ctx context.Context, n int, open func(context.Context) (net.Conn, error)) *heldConnections {
	GinkgoHelper()
	c := &heldConnections{}
	DeferCleanup(c.closeAll)
	var dialling sync.WaitGroup
	var next atomic.Int64
	for range openers {
		dialling.Go(func() {
			defer GinkgoRecover()
			for next.Add(1) <= int64(n) {
				conn, err := open(ctx)
				if err != nil { // the server closed it while it was being opened
					c.closed.Add(1)
					continue
				}
				c.mu.Lock()
				c.all = append(c.all, conn)
				c.mu.Unlock()
				c.done.Go(func() { c.readUntilClosed(conn) })
			}
		})
	}
	dialling.Wait()
	return c
}

// readUntilClosed reads until one end closes the connection.
func (c *heldConnections) readUntilClosed(conn net.Conn) {
	buffer := make([]byte, 512)
	for {
		if _, err := conn.Read(buffer); err != nil {
			c.closed.Add(1)
			return
		}
	}
}

// closeAll closes all connections, and waits until their reads have ended.
func (c *heldConnections) closeAll() {
	for _, conn := range c.all {
		_ = conn.Close() // it fails only if the connection is closed
	}
	c.done.Wait()
}

// dial opens a TCP connection.
func dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{Timeout: maxLatency}).DialContext(ctx, "tcp", address())
}

// sending returns a function that opens a connection, with or without TLS, and sends a text.
func sending(text string, secure bool) func(context.Context) (net.Conn, error) {
	config := &tls.Config{RootCAs: roots(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		if secure {
			conn = tls.Client(conn, config)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			_ = conn.Close() // the server has closed it too
			return nil, err
		}
		return conn, nil
	}
}

func roots() *x509.CertPool {
	GinkgoHelper()
	pem, err := os.ReadFile(environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(pem)).To(BeTrue())
	return pool
}

var _ = Describe("A flood of connections", func() {
	It("does not keep other clients out, and leaves no goroutine or file open", func(ctx SpecContext) {
		before := measure(ctx)
		var held *heldConnections
		seen := withWellBehavedClients(ctx, func() {
			held = holdConnections(ctx, flood, dial)
			Eventually(held.closed.Load).Should(BeNumerically(">=", flood-maxConnections), "the manager closes old connections for new ones")
			Eventually(func() float64 { return measure(ctx)[openFiles] }).Should(BeNumerically(">", maxConnections/2))
			Expect(queryOnce(ctx)).To(Succeed())
		})
		Expect(seen.openFiles).To(BeNumerically("<", before[openFiles]+maxConnections+goroutineMargin))
		Expect(seen.goroutines).To(BeNumerically("<", before[goroutines]+2*maxConnections+goroutineMargin))
		held.closeAll()
		expectRecovery(ctx, before)
	})
})
