package overload_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
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
	// replicas is how many there are, one of which is replaced at a time.
	replicas = 3
	// clients ask them, one after another each.
	clients = 12
)

// endpoint is one replica as a Service knows it: it is asked until its process has gone, and again when it is ready.
type endpoint struct {
	url   string
	ready atomic.Bool
}

// service is what distributes requests: to the replica that a client had before, while it is there.
type service struct {
	endpoints []*endpoint
	refused   atomic.Int64 // connections
	answered  atomic.Int64 // requests
}

// customer is one client of a service. Half of them speak HTTP/2.
type customer struct {
	*service
	at          int
	connections []*load.Client // by endpoint
}

func (s *service) customer(n int) *customer {
	GinkgoHelper()
	c := &customer{service: s, at: n % len(s.endpoints)}
	for _, e := range s.endpoints {
		connection, err := load.NewClient(load.Options{BaseURL: e.url, Token: environment.Token, CAFile: environment.CAFile, HTTP2: n%2 == 0})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(connection.Close)
		c.connections = append(c.connections, connection)
	}
	return c
}

// next is the next replica that is ready.
func (c *customer) next() {
	for range c.endpoints {
		if c.at = (c.at + 1) % len(c.endpoints); c.endpoints[c.at].ready.Load() {
			return
		}
	}
}

// do sends a request, and once more to another replica if there was no connection to be had: nothing of it has been
// sent then. Whatever else goes wrong is a failure.
func (c *customer) do(ctx context.Context, method, path, body string) (*load.Answer, error) {
	if !c.endpoints[c.at].ready.Load() {
		c.next()
	}
	for again := false; ; again = true {
		var connected atomic.Bool
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
		answer, err := c.connections[c.at].Do(traced, method, path, body)
		if err == nil {
			c.answered.Add(1)
			return answer, nil
		}
		var refusal *load.Refusal
		if again || connected.Load() || errors.As(err, &refusal) {
			return nil, fmt.Errorf("replica %d: %w", c.at, err)
		}
		c.refused.Add(1)
		c.next()
	}
}

// work creates users, changes them and reads them, until it is over, and notes what was acknowledged.
func (c *customer) work(ctx, over context.Context, acknowledged *sync.Map) error {
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

var _ = Describe("a rolling restart under load", func() {
	It("loses no request, and nothing that was acknowledged", func(ctx SpecContext) {
		setLimit(ctx, environment.Namespace, &v1alpha1.RateLimit{RequestsPerSecond: 10_000, Burst: 100_000}) // fewer replicas get more each
		managers := []*quickstart.Manager{environment.Manager}
		for len(managers) < replicas {
			m, err := environment.AddManager(ctx)
			Expect(err).NotTo(HaveOccurred())
			managers = append(managers, m)
		}
		s := &service{}
		for _, m := range managers {
			e := &endpoint{url: m.URL}
			e.ready.Store(true)
			s.endpoints = append(s.endpoints, e)
		}
		over, end := context.WithCancel(ctx)
		defer end()
		var acknowledged sync.Map
		var working sync.WaitGroup
		for n := range clients {
			c := s.customer(n)
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
		AddReportEntry(fmt.Sprintf("%d requests answered, %d connections refused, %d users kept", s.answered.Load(), s.refused.Load(), kept))
		for _, m := range managers[1:] {
			Expect(m.Stop()).To(Succeed())
		}
		Eventually(func() float64 { return measure(ctx)[leading] }).Should(BeEquivalentTo(1), "others find it as it was")
	}, NodeTimeout(5*time.Minute))
})

// replace ends a replica while it is asked, and starts it again once every client has had an answer since it was
// told to end.
func replace(ctx context.Context, s *service, i int, m *quickstart.Manager) *quickstart.Manager {
	GinkgoHelper()
	answered := s.answered.Load()
	Eventually(s.answered.Load).Should(BeNumerically(">", answered+5*clients), "it is to be at work")
	Expect(m.Stop()).To(Succeed(), "it ends with 0")
	s.endpoints[i].ready.Store(false)
	again, err := environment.Restart(ctx, m)
	Expect(err).NotTo(HaveOccurred())
	s.endpoints[i].ready.Store(true)
	return again
}
