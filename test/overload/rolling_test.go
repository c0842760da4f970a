package overload_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// replicas is the number of replicas. One at a time is replaced.
	replicas = 3
	// clients is the number of clients. Each sends one request after the other.
	clients = 12
)

// endpoint is one replica as a Service knows it.
type endpoint struct {
	address string
	ready   atomic.Bool // new connections go to it: it is ready and not being deleted
}

// service distributes connections like a Service with client-IP affinity. A new connection goes to the replica of the
// client's last connection, or to the next one if that replica is not ready.
type service struct {
	url       string
	endpoints []*endpoint
	connected atomic.Int64 // connections
	answered  atomic.Int64 // requests
}

// serviceClient is one client of a service. Half of them speak HTTP/2.
type serviceClient struct {
	*service
	client *load.Client

	mu sync.Mutex
	at int // the endpoint of its last connection
}

func (s *service) serviceClient(n int) *serviceClient {
	GinkgoHelper()
	c := &serviceClient{service: s, at: n % len(s.endpoints)}
	var err error
	c.client, err = load.NewClient(load.Options{BaseURL: s.url, Token: environment.Token, CAFile: environment.CAFile, HTTP2: n%2 == 0, Dial: c.dial})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.client.Close)
	return c
}

// dial connects to a ready replica. It ignores the address.
func (c *serviceClient) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	to, err := c.choose()
	if err != nil {
		return nil, err
	}
	c.connected.Add(1)
	return (&net.Dialer{}).DialContext(ctx, network, to)
}

func (c *serviceClient) choose() (address string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range c.endpoints {
		if e := c.endpoints[c.at]; e.ready.Load() {
			return e.address, nil
		}
		c.at = (c.at + 1) % len(c.endpoints)
	}
	return "", errors.New("no replica is ready")
}

// do sends a request once, because no request may fail.
func (c *serviceClient) do(ctx context.Context, method, path, body string) (*load.Answer, error) {
	answer, err := c.client.Do(ctx, method, path, body)
	if err == nil {
		c.answered.Add(1)
	}
	return answer, err
}

// work creates users, changes them and reads them until over ends. It stores the acknowledged users and displayNames.
func (c *serviceClient) work(ctx, over context.Context, acknowledged *sync.Map) error {
	for over.Err() == nil {
		created, err := c.do(ctx, "POST", "/Users", load.User(newTag()))
		if err != nil {
			return err
		}
		id := created.ID()
		acknowledged.Store(id, "")
		for n := range 2 {
			name := fmt.Sprintf("%s, changed %d times", id, n+1)
			if _, err := c.do(ctx, "PATCH", "/Users/"+id, load.SetDisplayName(name)); err != nil {
				return err
			}
			acknowledged.Store(id, name)
			if _, err := c.do(ctx, "GET", "/Users/"+id, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

var _ = Describe("A rolling restart under load", func() {
	It("loses no request and no acknowledged write", func(ctx SpecContext) {
		setLimit(ctx, environment.Namespace, &v1alpha1.RateLimit{RequestsPerSecond: 10_000, Burst: 100_000}) // fewer replicas get more each
		managers := []*quickstart.Manager{environment.Manager}
		for len(managers) < replicas {
			m, err := environment.AddManager(ctx)
			Expect(err).NotTo(HaveOccurred())
			managers = append(managers, m)
		}
		s := &service{url: environment.BaseURL}
		for _, m := range managers {
			u, err := url.Parse(m.URL)
			Expect(err).NotTo(HaveOccurred())
			e := &endpoint{address: u.Host}
			e.ready.Store(true)
			s.endpoints = append(s.endpoints, e)
		}
		over, end := context.WithCancel(ctx)
		defer end()
		var acknowledged sync.Map
		var working sync.WaitGroup
		for n := range clients {
			c := s.serviceClient(n)
			working.Go(func() {
				defer GinkgoRecover()
				Expect(c.work(ctx, over, &acknowledged)).To(Succeed())
			})
		}
		for i := range managers {
			managers[i] = replace(ctx, s, i, managers[i])
		}
		end()
		working.Wait()
		kept := 0
		acknowledged.Range(func(id, name any) bool {
			u := &v1alpha1.CloudSSOUser{}
			Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: fmt.Sprint(id)}, u)).To(Succeed())
			if name != "" {
				Expect(u.Spec.DisplayName).To(Equal(name))
			}
			kept++
			return true
		})
		Expect(kept).To(BeNumerically(">", clients))
		AddReportEntry(fmt.Sprintf("%d requests answered on %d connections, %d users kept", s.answered.Load(), s.connected.Load(), kept))
		for _, m := range managers[1:] {
			Expect(m.Stop()).To(Succeed())
		}
		Eventually(func() float64 { return measure(ctx)[leading] }).Should(BeEquivalentTo(1), "the next spec needs a leader")
	}, NodeTimeout(5*time.Minute))
})

// replace stops a replica under load and starts it again. As in a cluster, the Service sends it no more connections
// before it gets its SIGTERM.
func replace(ctx context.Context, s *service, i int, m *quickstart.Manager) *quickstart.Manager {
	GinkgoHelper()
	answered := s.answered.Load()
	Eventually(s.answered.Load).Should(BeNumerically(">", answered+5*clients), "the replicas are under load")
	s.endpoints[i].ready.Store(false)
	Expect(m.Stop()).To(Succeed(), "the process exits with 0")
	restarted, err := environment.Restart(ctx, m)
	Expect(err).NotTo(HaveOccurred())
	s.endpoints[i].ready.Store(true)
	return restarted
}
