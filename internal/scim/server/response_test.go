package server_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// newUnobservedService returns a service that can be used concurrently, and the ids of its users by userName.
func newUnobservedService(t *testing.T) (s *service, ids map[string]string) {
	observed := newService(t)
	return newService(t, withoutObserver, func(o *server.Options) { o.Authenticate = observed.authenticate }), createSortedUsers(observed)
}

// A buffer that is reused too early would put one response into another.
func TestConcurrentResponsesDoNotMix(t *testing.T) {
	s, ids := newUnobservedService(t)
	var all sync.WaitGroup
	for userName, id := range ids {
		all.Go(func() {
			for range 100 {
				for _, path := range []string{"/Users/" + id, "/Users?filter=userName%20eq%20%22" + userName + "%22"} {
					r := httptest.NewRequestWithContext(t.Context(), "GET", "/scim/v2"+path, http.NoBody)
					r.Header.Set("Authorization", "Bearer "+token)
					w := httptest.NewRecorder()
					s.handler.ServeHTTP(w, r)
					if body := w.Body.String(); !strings.Contains(body, `"`+userName+`"`) || strings.Count(body, "userName") != 1 {
						t.Errorf("the response to %s is %s", path, body)
					}
				}
			}
		})
	}
	all.Wait()
}

// brokenConnection fails every write and keeps the text that it was given.
type brokenConnection struct {
	discardingWriter
	written []byte
}

func (k *brokenConnection) Write(p []byte) (int, error) {
	k.written = p
	return 0, errors.New("the connection is broken")
}

func TestResponseToABrokenConnectionIsNotReused(t *testing.T) {
	s, ids := newUnobservedService(t)
	var gone []*brokenConnection
	for _, id := range ids {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/scim/v2/Users/"+id, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		k := &brokenConnection{discardingWriter: discardingWriter{header: http.Header{}}}
		s.handler.ServeHTTP(k, r)
		if gone = append(gone, k); !strings.Contains(string(k.written), id) {
			t.Errorf("the response to %s is %s", id, k.written)
		}
	}
	for i, k := range gone {
		for _, other := range gone[i+1:] {
			if &k.written[0] == &other.written[0] {
				t.Error("two responses share a buffer")
			}
		}
	}
}

func TestTimesAreInUTCWithMilliseconds(t *testing.T) {
	s := newService(t)
	r := &scim.Resource{Type: schema.User, ID: "u", Attributes: schema.Object{}.With(schema.UserName, "a")}
	s.store.Store = &singleResourceStore{r: r}
	for _, at := range []time.Time{
		{},
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", -3600)),
		time.Date(2026, 1, 2, 3, 4, 5, 7_000_000, time.UTC),
		time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.FixedZone("", 7200)),
	} {
		r.Created, r.LastModified = at, at.Add(time.Hour)
		got := s.do("GET", "/Users/u", "").answers(200)
		got.has("meta.created", r.Created.UTC().Format(scim.TimeFormat)).has("meta.lastModified", r.LastModified.UTC().Format(scim.TimeFormat))
	}
}
