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
	// maxConnections is how many the manager has open: cmd/manager/scim.go.
	maxConnections = 4096
	// flood is more than that.
	flood = maxConnections + 1000
	// diallers open connections at a time.
	diallers = 16
)

// address is where the SCIM service listens.
func address() string {
	GinkgoHelper()
	u, err := url.Parse(environment.BaseURL)
	Expect(err).NotTo(HaveOccurred())
	return u.Host
}

// crowd is connections that are held.
type crowd struct {
	mu   sync.Mutex
	all  []net.Conn
	gone atomic.Int64 // those that the server has closed
	done sync.WaitGroup
}

// gather opens n connections, and says something on each. Whoever is closed is counted.
func gather(ctx context.Context, n int, open func(context.Context) (net.Conn, error)) *crowd {
	GinkgoHelper()
	c := &crowd{}
	DeferCleanup(c.disperse)
	var dialling sync.WaitGroup
	var next atomic.Int64
	for range diallers {
		dialling.Go(func() {
			defer GinkgoRecover()
			for next.Add(1) <= int64(n) {
				conn, err := open(ctx)
				if err != nil { // closed while it was being opened
					c.gone.Add(1)
					continue
				}
				c.mu.Lock()
				c.all = append(c.all, conn)
				c.mu.Unlock()
				c.done.Go(func() { c.watch(conn) })
			}
		})
	}
	dialling.Wait()
	return c
}

// watch reads until the other end closes the connection, or this one.
func (c *crowd) watch(conn net.Conn) {
	buffer := make([]byte, 512)
	for {
		if _, err := conn.Read(buffer); err != nil {
			c.gone.Add(1)
			return
		}
	}
}

// disperse closes all.
func (c *crowd) disperse() {
	for _, conn := range c.all {
		_ = conn.Close() // closed already is as good
	}
	c.done.Wait()
}

// dial opens a TCP connection.
func dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address())
}

// saying opens a connection, with or without TLS, and says something.
func saying(what string, secure bool) func(context.Context) (net.Conn, error) {
	config := &tls.Config{RootCAs: roots(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		if secure {
			conn = tls.Client(conn, config)
		}
		if _, err := conn.Write([]byte(what)); err != nil {
			_ = conn.Close() // the other end has
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

var _ = Describe("a flood of connections", func() {
	It("keeps nobody out, and leaves nothing behind", func(ctx SpecContext) {
		before := measure(ctx)
		var crowded *crowd
		seen := beside(ctx, func() {
			crowded = gather(ctx, flood, dial)
			Eventually(crowded.gone.Load).Should(BeNumerically(">=", flood-maxConnections), "those beyond have taken others' places")
			Eventually(func() float64 { return measure(ctx)[openFiles] }).Should(BeNumerically(">", maxConnections/2))
			Expect(visit(ctx)).To(Succeed())
		})
		Expect(seen.openFiles).To(BeNumerically("<", before[openFiles]+maxConnections+othersGoroutines))
		Expect(seen.goroutines).To(BeNumerically("<", before[goroutines]+2*maxConnections+othersGoroutines))
		crowded.disperse()
		subsides(ctx, before)
	})
})
