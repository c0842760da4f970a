package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// slow is a directory whose reads wait until they are let go.
type slow struct {
	scim.Store
	arrived chan struct{}
	letGo   chan struct{}
}

func (s *slow) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	s.arrived <- struct{}{}
	select {
	case <-s.letGo:
	case <-ctx.Done():
	}
	return s.Store.Get(ctx, rt, id, omit)
}

// One that asks without end uses up its own share, and nobody else's.
func TestACredentialGoneWildLeavesRoomForOthers(t *testing.T) {
	d := &slow{arrived: make(chan struct{}, limits.InFlight), letGo: make(chan struct{})}
	var observed func(server.Record)
	s := newService(t, silent, func(o *server.Options) {
		o.Observe = func(r server.Record) { observed(r) }
		o.Authenticate = func(r *http.Request) (server.Session, error) {
			return server.Session{Store: d, Subject: r.Header.Get("Authorization")}, nil
		}
	})
	d.Store = s.directory.Store.(*memstore.Store) //nolint:errcheck // the harness made it
	ask := func(who string, status int) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sso.example.com/scim/v2/Users/x", http.NoBody)
		r.Header.Set("Authorization", who)
		w := &discarded{header: http.Header{}}
		s.handler.ServeHTTP(w, r)
		if w.status != status || status == 429 && w.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, want %d", who, w.status, status)
		}
	}
	var limited atomic.Int64
	observed = func(r server.Record) {
		if r.Reason == server.ReasonInFlight {
			limited.Add(1)
		}
	}
	var all sync.WaitGroup
	for range limits.InFlight {
		all.Go(func() { ask("wild", 404) })
	}
	for range limits.InFlight {
		<-d.arrived
	}
	ask("wild", 429)
	if limited.Load() != 1 {
		t.Error("nobody who observes can tell why")
	}
	all.Go(func() { ask("other", 404) })
	<-d.arrived
	close(d.letGo)
	all.Wait()
	d.arrived = make(chan struct{}, 1)
	ask("wild", 404)
}

type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }

// Large bodies wait for each other, and all are answered.
func TestLargeBodiesTakeTurns(t *testing.T) {
	s := newService(t, silent)
	g, err := s.directory.Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Everyone"), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"displayName":"Everyone","members":[` + strings.Repeat(`{"value":"somebody-x7k2p","display":"Somebody"},`, 25_000) + `{"value":"nobody"}]}`
	if len(body) <= limits.SmallBody {
		t.Fatalf("%d bytes are no large body", len(body))
	}
	var all sync.WaitGroup
	for range 2 * limits.LargeBodies {
		all.Go(func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://sso.example.com/scim/v2/Groups/"+g.ID, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			w := &discarded{header: http.Header{}}
			s.handler.ServeHTTP(w, r)
			if w.status != http.StatusOK {
				t.Errorf("answered with %d", w.status)
			}
		})
	}
	all.Wait()
}

// stalled is a body that ends when it is told to.
type stalled struct {
	io.Reader
	end chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		<-s.end
	}
	return n, err
}

// Whether a body's length is announced or not, once it is large it takes a place; one credential has some of them,
// and another always gets one. Who waits too long is told to come again, and why.
func TestLargeBodiesOfOneCredentialLeaveRoomForAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := make(chan string, 100)
		s := newService(t, silent)
		directory := s.directory
		s.handler = server.New(server.Options{
			BaseURL: base, Logger: slog.New(slog.DiscardHandler), Observe: func(r server.Record) { reasons <- r.Reason },
			Authenticate: func(r *http.Request) (server.Session, error) {
				return server.Session{Store: directory, Subject: r.Header.Get("Authorization")}, nil
			},
		})
		end := make(chan struct{})
		text := `{"displayName":"Everyone","x":"` + strings.Repeat(strings.Repeat("x", 1000)+`","x":"`, limits.SmallBody/1000+1) + `"}`
		push := func(who string, announced int64, body io.Reader) *discarded {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://sso.example.com/scim/v2/Groups/x", body)
			r.Header.Set("Authorization", who)
			r.ContentLength = announced
			w := &discarded{header: http.Header{}}
			s.handler.ServeHTTP(w, r)
			return w
		}
		var all sync.WaitGroup
		for i := range limits.LargeBodiesEach {
			all.Go(func() {
				announced := int64(-1)
				if i == 0 {
					announced = int64(len(text))
				}
				if w := push("wild", announced, &stalled{strings.NewReader(text), end}); w.status != http.StatusNotFound {
					t.Errorf("answered with %d", w.status)
				}
			})
		}
		synctest.Wait()
		for _, announced := range []int64{-1, int64(len(text))} {
			if w := push("wild", announced, iotest.HalfReader(strings.NewReader(text))); w.status != http.StatusTooManyRequests || w.header.Get("Retry-After") != "1" {
				t.Errorf("beyond its places it is answered with %d", w.status)
			}
			if reason := <-reasons; reason != server.ReasonLargeBodies {
				t.Errorf("observed the reason %q", reason)
			}
			if w := push("other", announced, strings.NewReader(text)); w.status != http.StatusNotFound {
				t.Errorf("another is answered with %d", w.status)
			}
			<-reasons
		}
		if w := push("wild", -1, strings.NewReader(`{"displayName":"Everyone"}`)); w.status != http.StatusNotFound {
			t.Errorf("a small body is answered with %d", w.status)
		}
		for range limits.LargeBodiesEach {
			all.Go(func() { push("second", -1, &stalled{strings.NewReader(text), end}) })
		}
		synctest.Wait()
		if w := push("third", -1, strings.NewReader(text)); w.status != http.StatusServiceUnavailable || w.header.Get("Retry-After") != "1" {
			t.Errorf("when there is no place at all, it is answered with %d", w.status)
		}
		close(end)
		all.Wait()
		if w := push("third", -1, strings.NewReader(text)); w.status != http.StatusNotFound {
			t.Errorf("afterwards it is answered with %d", w.status)
		}
	})
}
