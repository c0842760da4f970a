package access_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/jumpclock"
)

// testClock is a clock of which the specs let time pass, or which they set.
type testClock struct{ passed, ahead atomic.Int64 }

// Now returns what the clock shows.
func (c *testClock) Now() time.Time {
	return jumpclock.Ahead(time.Now().Add(time.Duration(c.passed.Load())), time.Duration(c.ahead.Load()))
}

// Advance lets time pass.
func (c *testClock) Advance(d time.Duration) { c.passed.Add(int64(d)) }

// Jump sets the clock ahead by a duration, or back if it is negative.
func (c *testClock) Jump(d time.Duration) { c.ahead.Add(int64(d)) }

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorder records the operator's requests, but for watches and Events. A request is recorded before it is sent, so that what
// it has changed can be seen only after that.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (l *recorder) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Has("watch") || strings.Contains(r.URL.Path, "/events") {
			return next.RoundTrip(r)
		}
		number := l.add(r.Method + " " + r.URL.Path)
		response, err := next.RoundTrip(r)
		if err != nil || response.StatusCode >= http.StatusBadRequest {
			l.fail(number)
		}
		return response, err
	})
}

func (l *recorder) add(line string) (number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return len(l.lines) - 1
}

func (l *recorder) fail(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[number] += " failed"
}

// all returns the requests so far, each as "METHOD path", with "failed" behind it once it has.
func (l *recorder) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// bindingWrites returns the writes of bindings that were sent so far and have not failed.
func (l *recorder) bindingWrites() []string {
	return slices.DeleteFunc(l.all(), func(line string) bool {
		return strings.HasPrefix(line, http.MethodGet) || strings.HasSuffix(line, " failed") || !strings.Contains(line, "rolebindings")
	})
}

// conflicts returns the changes of bindings that failed so far.
func (l *recorder) conflicts() []string {
	return slices.DeleteFunc(l.all(), func(line string) bool {
		return !strings.HasPrefix(line, http.MethodPatch) || !strings.HasSuffix(line, " failed") || !strings.Contains(line, "rolebindings")
	})
}

// pausableWatch lets the operator see no change of a resource while it is paused.
type pausableWatch struct {
	resource string
	mu       sync.Mutex
	resume   chan struct{} // nil if it is not paused
}

// pause lasts until goOn is called, or the spec ends.
func (p *pausableWatch) pause() {
	DeferCleanup(p.goOn)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resume = make(chan struct{})
}

func (p *pausableWatch) goOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resume != nil {
		close(p.resume)
		p.resume = nil
	}
}

func (p *pausableWatch) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err == nil && r.URL.Query().Has("watch") && strings.HasSuffix(r.URL.Path, "/"+p.resource) {
			response.Body = &pausableBody{response.Body, p}
		}
		return response, err
	})
}

type pausableBody struct {
	io.ReadCloser
	watch *pausableWatch
}

// Read implements io.Reader.
func (b *pausableBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.watch.mu.Lock()
	resume := b.watch.resume
	b.watch.mu.Unlock()
	if resume != nil {
		<-resume
	}
	return n, err
}

// refusal leaves the operator's requests of one method to one resource without an answer while it is set, but for watches.
type refusal struct {
	method, resource string
	isSet            atomic.Bool
	refused          atomic.Int64 // how many requests have been

	mu     sync.Mutex
	within string // a part of the paths of which the next requests are refused
	next   int    // how many of them
}

// set lasts until unset is called, or the spec ends.
func (f *refusal) set() {
	DeferCleanup(f.unset)
	f.isSet.Store(true)
}

func (f *refusal) unset() { f.isSet.Store(false) }

// setNext leaves the next requests without an answer whose paths have a part.
func (f *refusal) setNext(count int, within string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.within = count, within
}

// refuses reports whether a request is left without an answer.
func (f *refusal) refuses(r *http.Request) bool {
	if r.Method != f.method || !slices.Contains(strings.Split(r.URL.Path, "/"), f.resource) || r.URL.Query().Has("watch") {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next > 0 && strings.Contains(r.URL.Path, f.within) {
		f.next--
		return true
	}
	return f.isSet.Load()
}

func (f *refusal) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if f.refuses(r) {
			f.refused.Add(1)
			return nil, errors.New("no answer")
		}
		return next.RoundTrip(r)
	})
}

// writeGate holds the operator's changes of bindings while it is shut.
type writeGate struct {
	mu   sync.Mutex
	open chan struct{} // nil if it is open
	held int           // how many changes have been held
}

// shut holds changes of bindings until unlock is called, or the spec ends.
func (g *writeGate) shut() {
	DeferCleanup(g.unlock)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *writeGate) unlock() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil {
		close(g.open)
		g.open = nil
	}
}

func (g *writeGate) countHeld() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func (g *writeGate) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		g.mu.Lock()
		open := g.open
		isHeld := open != nil && r.Method != http.MethodGet && strings.Contains(r.URL.Path, "rolebindings")
		if isHeld {
			g.held++
		}
		g.mu.Unlock()
		if isHeld {
			select {
			case <-open:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		return next.RoundTrip(r)
	})
}

// lateIndex is the index of a manager, which is told of one group, and of the groups that come after it, when it has been asked
// for its name; or which is told of no version of one group until it is released.
type lateIndex struct {
	*store.Store
	mu     sync.Mutex
	group  string     // the displayName, and the metadata.name, of a group that it is not told of yet; "" for none
	held   string     // the metadata.name of a group that it is not told of until it is released; "" for none
	writes [][]string // the writes of bindings that had been sent at each question of assignments for the held group
}

// delay has the index told of a group late, in the spec that runs.
func (i *lateIndex) delay(group string) {
	DeferCleanup(i.release)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.group = group
}

// hold has the index not told of a group until it is released, or the spec ends.
func (i *lateIndex) hold(group string) {
	DeferCleanup(i.release)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.held, i.writes = group, nil
}

func (i *lateIndex) release() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.group, i.held = "", ""
}

// writesAtLooks returns the writes of bindings that had been sent at each question of assignments for the held group.
func (i *lateIndex) writesAtLooks() [][]string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.writes)
}

// Named is part of controllerutil.Principals.
func (i *lateIndex) Named(name nameclaim.Name) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.group != "" && name == nameclaim.DisplayName(name.Namespace, i.group) {
		i.group = ""
		return nil
	}
	return i.Store.Named(name)
}

// HasSeen is part of controllerutil.Names.
func (i *lateIndex) HasSeen(o client.Object) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, isGroup := o.(*group); isGroup && i.group != "" {
		return false
	}
	if i.held != "" && o.GetNamespace() == namespace && o.GetName() == i.held {
		if g, isGroup := o.(*group); isGroup && g.Spec.DisplayName == "" { // assignments ask for a version, the group's controller for the group
			i.writes = append(i.writes, traffic.bindingWrites())
		}
		return false
	}
	return i.Store.HasSeen(o)
}
