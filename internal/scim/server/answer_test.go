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

// unobserved is a service with some users, whom it has by userName.
func unobserved(t *testing.T) (s *service, ids map[string]string) {
	observed := newService(t)
	return newService(t, silent, func(o *server.Options) { o.Authenticate = observed.authenticate }), some(observed)
}

// What one request is answered with never gets into the answer to another.
func TestAnswersDoNotMix(t *testing.T) {
	s, ids := unobserved(t)
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
						t.Errorf("%s is answered with %s", path, body)
					}
				}
			}
		})
	}
	all.Wait()
}

// kept is a connection that breaks, and goes on reading what it was given.
type kept struct {
	discarded
	given []byte
}

func (k *kept) Write(p []byte) (int, error) {
	k.given = p
	return 0, errors.New("the client has gone")
}

func TestAnswerOfABrokenConnectionStays(t *testing.T) {
	s, ids := unobserved(t)
	var gone []*kept
	for _, id := range ids {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/scim/v2/Users/"+id, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		k := &kept{discarded: discarded{header: http.Header{}}}
		s.handler.ServeHTTP(k, r)
		if gone = append(gone, k); !strings.Contains(string(k.given), id) {
			t.Errorf("%s is answered with %s", id, k.given)
		}
	}
	for i, k := range gone {
		for _, other := range gone[i+1:] {
			if &k.given[0] == &other.given[0] {
				t.Error("two answers are in one place")
			}
		}
	}
}

func TestInstants(t *testing.T) {
	s := newService(t)
	r := &scim.Resource{Type: schema.User, ID: "u", Attributes: schema.Object{}.With(schema.UserName, "a")}
	s.directory.Store = &single{r: r}
	for _, at := range []time.Time{
		{},
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", -3600)),
		time.Date(2026, 1, 2, 3, 4, 5, 7_000_000, time.UTC),
		time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.FixedZone("", 7200)),
	} {
		r.Created, r.LastModified = at, at.Add(time.Hour)
		got := s.do("GET", "/Users/u", "").answers(200)
		got.has("meta.created", r.Created.UTC().Format(scim.Instant)).has("meta.lastModified", r.LastModified.UTC().Format(scim.Instant))
	}
}
