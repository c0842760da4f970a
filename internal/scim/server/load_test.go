package server_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memory"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// slow is a directory whose reads wait until they are let go.
type slow struct {
	scim.Directory
	arrived chan struct{}
	letGo   chan struct{}
}

func (s *slow) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	s.arrived <- struct{}{}
	select {
	case <-s.letGo:
	case <-ctx.Done():
	}
	return s.Directory.Get(ctx, rt, id, omit)
}

// One that asks without end uses up its own share, and nobody else's.
func TestACredentialGoneWildLeavesRoomForOthers(t *testing.T) {
	d := &slow{arrived: make(chan struct{}, limits.InFlight), letGo: make(chan struct{})}
	s := newService(t, silent, func(o *server.Options) {
		o.Authenticate = func(r *http.Request) (server.Session, error) {
			return server.Session{Directory: d, Subject: r.Header.Get("Authorization")}, nil
		}
	})
	d.Directory = s.directory.Directory.(*memory.Directory) //nolint:errcheck // the harness made it
	ask := func(who string, status int) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sso.example.com/scim/v2/Users/x", http.NoBody)
		r.Header.Set("Authorization", who)
		w := &discarded{header: http.Header{}}
		s.handler.ServeHTTP(w, r)
		if w.status != status || status == 429 && w.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, want %d", who, w.status, status)
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
	for range 3 * limits.LargeBodies {
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
