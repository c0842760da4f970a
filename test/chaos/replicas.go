package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// Replicas are the operator's replicas on one control plane, each behind a proxy of its own.
type Replicas struct {
	Environment *quickstart.Environment
	urls        []string
	slots       []*slot
	proxies     []*Proxy

	starting sync.Mutex // one start at a time
	watching sync.WaitGroup
	stop     context.CancelFunc

	operator client.Client // with the operator's own identity
	pool     []string      // the users that canarySlice may list
	changes  int           // how often the canaries have been changed
}

// slot is the place of one replica, which outlives its processes.
type slot struct {
	mu       sync.Mutex
	manager  *quickstart.Manager
	process  int
	expected bool // a fault ends the process
	exits    []string
}

// StartReplicas starts a control plane and n replicas.
func StartReplicas(ctx context.Context, o quickstart.Options, n int) (_ *Replicas, err error) {
	r := &Replicas{}
	o.Via = r.via
	if r.Environment, err = quickstart.Start(ctx, o); err != nil {
		return nil, errors.Join(err, r.closeProxies())
	}
	if r.operator, err = r.newOperator(ctx); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	managers := []*quickstart.Manager{r.Environment.Manager}
	for len(managers) < n {
		m, err := r.Environment.AddManager(ctx)
		if err != nil {
			return nil, errors.Join(err, r.Stop())
		}
		managers = append(managers, m)
	}
	for _, m := range managers {
		r.urls = append(r.urls, m.URL)
		r.slots = append(r.slots, &slot{manager: m, process: 1})
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	for i := range managers {
		r.watching.Go(func() { r.watch(watching, i) })
	}
	return r, nil
}

// newOperator returns a client with the operator's own identity.
func (r *Replicas) newOperator(ctx context.Context) (client.Client, error) {
	config, err := r.Environment.ControlPlane.Operator(ctx)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

func (r *Replicas) via(_ int, apiServer string) (string, error) {
	u, err := url.Parse(apiServer)
	if err != nil {
		return "", err
	}
	p, err := NewProxy(u.Host)
	if err != nil {
		return "", err
	}
	r.proxies = append(r.proxies, p)
	u.Host = p.Address()
	return u.String(), nil
}

// Stop ends all processes and proxies.
func (r *Replicas) Stop() error {
	if r.stop != nil {
		r.stop()
		r.watching.Wait()
	}
	return errors.Join(r.Environment.Stop(), r.closeProxies())
}

func (r *Replicas) closeProxies() (err error) {
	for _, p := range r.proxies {
		err = errors.Join(err, p.Close())
	}
	return err
}

// URLs returns the addresses of the replicas, by slot. They outlive the processes.
func (r *Replicas) URLs() []string { return r.urls }

// Provider returns a new connection to a replica.
func (r *Replicas) Provider(url string) (*provider.Client, error) {
	return provider.New(url, r.Environment.Token, r.Environment.CAFile)
}

// Process returns the process that is in a slot now.
func (r *Replicas) Process(i int) Process {
	s := r.slots[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	return Process{i, s.process}
}

func (s *slot) current() (m *quickstart.Manager, expected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.manager, s.expected
}

// watch restarts a process that ends by itself, as a kubelet would, and records its last lines.
func (r *Replicas) watch(ctx context.Context, i int) {
	s := r.slots[i]
	for ctx.Err() == nil {
		m, _ := s.current()
		select {
		case <-ctx.Done():
			return
		case <-m.Exited():
		}
		if _, expected := s.current(); !expected {
			s.mu.Lock()
			s.exits = append(s.exits, ending(m.LastLines()))
			s.mu.Unlock()
			_ = r.start(ctx, i) // the next round tries again
		}
		select {
		case <-ctx.Done():
		case <-time.After(restartInterval):
		}
	}
}

// ending returns the last two lines.
func ending(lines string) string {
	all := strings.Split(lines, "\n")
	return strings.Join(all[max(0, len(all)-2):], "\n")
}

// restartInterval is between attempts to restart a process.
const restartInterval = 100 * time.Millisecond

// start starts a process in a slot whose process is gone.
func (r *Replicas) start(ctx context.Context, i int) error {
	r.starting.Lock()
	defer r.starting.Unlock()
	s := r.slots[i]
	old, _ := s.current()
	select {
	case <-old.Exited():
	default:
		return nil // it has been restarted already
	}
	// Answers come from another process from now on.
	s.mu.Lock()
	s.process++
	s.mu.Unlock()
	m, err := r.Environment.Restart(ctx, old)
	if err != nil {
		return fmt.Errorf("starting replica %d again: %w", i, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manager, s.expected = m, false
	return nil
}

// Kill ends the process in a slot as a crash does.
func (r *Replicas) Kill(i int) {
	s := r.slots[i]
	s.mu.Lock()
	s.expected = true
	m := s.manager
	s.mu.Unlock()
	m.Kill()
}

// Terminate asks the process in a slot to end, and waits until it has.
func (r *Replicas) Terminate(i int) error {
	s := r.slots[i]
	s.mu.Lock()
	s.expected = true
	m := s.manager
	s.mu.Unlock()
	return m.Stop()
}

// Dump has every process, and the API server, print the stack of each goroutine to its log, which shows why a replica does
// not recover. They end by it, and are restarted.
func (r *Replicas) Dump(ctx context.Context) error {
	for _, s := range r.slots {
		s.mu.Lock()
		s.expected = true
		m := s.manager
		s.mu.Unlock()
		m.Dump()
	}
	plane := r.Environment.ControlPlane
	err := errors.Join(plane.DumpAPIServer(), plane.RestartAPIServer())
	for i := range r.slots {
		err = errors.Join(err, r.start(ctx, i))
	}
	return err
}

// Exits returns the last lines of the processes that ended by themselves.
func (r *Replicas) Exits() (lines []string) {
	for i, s := range r.slots {
		s.mu.Lock()
		for _, last := range s.exits {
			lines = append(lines, fmt.Sprintf("replica %d: %s", i, last))
		}
		s.mu.Unlock()
	}
	return lines
}

// WatchBindings records the bindings of the operator until stop is called.
func (r *Replicas) WatchBindings(ctx context.Context, s *Sightings) (stop func(), err error) {
	c, err := client.NewWithWatch(r.Environment.ControlPlane.Admin(), client.Options{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.Watch(ctx, c) })
	return func() {
		cancel()
		watching.Wait()
	}, nil
}

// Leader returns the slot of the leader, if a replica reports that it is.
func (r *Replicas) Leader(ctx context.Context) (int, bool) {
	for i, s := range r.slots {
		m, _ := s.current()
		if leads(ctx, m.MetricsURL) {
			return i, true
		}
	}
	return 0, false
}

func leads(ctx context.Context, metricsURL string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metricsURL, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return err == nil && strings.Contains(string(content), `leader_election_master_status{name="cloudsso-operator"} 1`)
}
