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

// blockingStore blocks its reads until it is released.
type blockingStore struct {
	scim.Store
	arrived chan struct{}
	release chan struct{}
}

func (s *blockingStore) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	s.arrived <- struct{}{}
	select {
	case <-s.release:
	case <-ctx.Done():
	}
	return s.Store.Get(ctx, rt, id, omit)
}

// sessionOf returns the session of a credential that is called "directory/name".
func sessionOf(store scim.Store, credential string) server.Session {
	directory, _, _ := strings.Cut(credential, "/")
	return server.Session{Store: store, Subject: credential, Directory: directory}
}

// The clients of a directory that send without limit use up its own share only.
func TestOneDirectoryCannotUseUpAllRequests(t *testing.T) {
	d := &blockingStore{arrived: make(chan struct{}, limits.InFlight), release: make(chan struct{})}
	var observed func(server.Record)
	s := newService(t, withoutObserver, func(o *server.Options) {
		o.Observe = func(r server.Record) { observed(r) }
		o.Authenticate = func(r *http.Request) (server.Session, error) {
			return sessionOf(d, r.Header.Get("Authorization")), nil
		}
	})
	d.Store = s.store.Store.(*memstore.Store) //nolint:errcheck // newService creates a memory store
	ask := func(who string, status int) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sso.example.com/scim/v2/Users/x", http.NoBody)
		r.Header.Set("Authorization", who)
		w := &discardingWriter{header: http.Header{}}
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
	for i := range limits.InFlight {
		all.Go(func() { ask("wild/"+[]string{"okta", "entra"}[i%2], 404) })
	}
	for range limits.InFlight {
		<-d.arrived
	}
	ask("wild/okta", 429)
	if limited.Load() != 1 {
		t.Error("the observer does not get the reason")
	}
	all.Go(func() { ask("other/okta", 404) })
	<-d.arrived
	close(d.release)
	all.Wait()
	d.arrived = make(chan struct{}, 1)
	ask("wild/okta", 404)
}

type discardingWriter struct {
	header http.Header
	status int
}

func (d *discardingWriter) Header() http.Header         { return d.header }
func (d *discardingWriter) Write(p []byte) (int, error) { return len(p), nil }
func (d *discardingWriter) WriteHeader(status int)      { d.status = status }

// More large bodies arrive than may be in progress. All of them succeed.
func TestLargeBodiesWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while a body is worked on
		s := newService(t, withoutObserver)
		g, err := s.store.Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Everyone"), nil)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"displayName":"Everyone","members":[` + strings.Repeat(`{"value":"unknown-x7k2p","display":"Unknown"},`, 25_000) + `{"value":"absent"}]}`
		if len(body) <= limits.SmallBody {
			t.Fatalf("%d bytes are not a large body", len(body))
		}
		var all sync.WaitGroup
		for range 2 * limits.LargeBodies {
			all.Go(func() {
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://sso.example.com/scim/v2/Groups/"+g.ID, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+token)
				w := &discardingWriter{header: http.Header{}}
				s.handler.ServeHTTP(w, r)
				if w.status != http.StatusOK {
					t.Errorf("the status is %d", w.status)
				}
			})
		}
		all.Wait()
	})
}

// stalledBody is a body that does not end before the test lets it.
type stalledBody struct {
	io.Reader
	end chan struct{}
}

func (s *stalledBody) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		<-s.end
	}
	return n, err
}

// A large body takes a place whether its length was announced or not. A directory cannot take all places, and
// a request that waits too long gets a status and a reason.
func TestOneDirectoryCannotUseUpAllLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := make(chan string, 100)
		s := newService(t, withoutObserver)
		directory := s.store
		s.handler = server.New(server.Options{
			BaseURL: base, Logger: slog.New(slog.DiscardHandler), Observe: func(r server.Record) { reasons <- r.Reason },
			Authenticate: func(r *http.Request) (server.Session, error) {
				return sessionOf(directory, r.Header.Get("Authorization")), nil
			},
		})
		end := make(chan struct{})
		text := `{"displayName":"Everyone","x":["` + strings.Repeat(strings.Repeat("x", 1000)+`","`, limits.SmallBody/1000+1) + `"]}`
		push := func(who string, announced int64, body io.Reader) *discardingWriter {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://sso.example.com/scim/v2/Groups/x", body)
			r.Header.Set("Authorization", who)
			r.ContentLength = announced
			w := &discardingWriter{header: http.Header{}}
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
				if w := push([]string{"wild/okta", "wild/entra"}[i%2], announced, &stalledBody{strings.NewReader(text), end}); w.status != http.StatusNotFound {
					t.Errorf("the status is %d", w.status)
				}
			})
		}
		synctest.Wait()
		for _, announced := range []int64{-1, int64(len(text))} {
			if w := push("wild/okta", announced, iotest.HalfReader(strings.NewReader(text))); w.status != http.StatusTooManyRequests || w.header.Get("Retry-After") != "1" {
				t.Errorf("beyond the directory's places the status is %d", w.status)
			}
			if reason := <-reasons; reason != server.ReasonLargeBodies {
				t.Errorf("the observed reason is %q", reason)
			}
			if w := push("other/okta", announced, strings.NewReader(text)); w.status != http.StatusNotFound {
				t.Errorf("the status for another directory is %d", w.status)
			}
			<-reasons
		}
		if w := push("wild/okta", -1, strings.NewReader(`{"displayName":"Everyone"}`)); w.status != http.StatusNotFound {
			t.Errorf("the status for a small body is %d", w.status)
		}
		for range limits.LargeBodiesEach {
			all.Go(func() { push("second/okta", -1, &stalledBody{strings.NewReader(text), end}) })
		}
		synctest.Wait()
		if w := push("third/okta", -1, strings.NewReader(text)); w.status != http.StatusServiceUnavailable || w.header.Get("Retry-After") != "1" {
			t.Errorf("without a free place the status is %d", w.status)
		}
		close(end)
		all.Wait()
		if w := push("third/okta", -1, strings.NewReader(text)); w.status != http.StatusNotFound {
			t.Errorf("afterwards the status is %d", w.status)
		}
	})
}
