package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

const benchmarkUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@example.com",
	"name":{"givenName":"Test","familyName":"User"},"emails":[{"primary":true,"value":"user@example.com","type":"work"}],
	"displayName":"Test User","locale":"en-US","externalId":"00u%d","groups":[],"password":"x","active":true}`

func BenchmarkCreate(b *testing.B) {
	const fresh = 100 // a new store for each hundred users, because the memory store scans all names
	var handler http.Handler
	for i := 0; b.Loop(); i++ {
		if i%fresh == 0 {
			handler = newService(b, withoutObserver).handler
		}
		sendRequest(b, handler, "POST", "/Users", fmt.Sprintf(benchmarkUser, i, i), http.StatusCreated)
	}
}

// BenchmarkGet measures the service alone: the store returns a prepared user, and the request and the writer
// are reused.
func BenchmarkGet(b *testing.B) {
	s := newService(b, withoutObserver, func(o *server.Options) {
		o.Observe, o.Now, o.NewRequestID = func(server.Record) {}, nil, nil
	})
	s.store.Store = &singleResourceStore{r: oneUser(b)}
	get := httptest.NewRequest("GET", "http://sso.example.com/scim/v2/Users/user1-example-com-x7k2p", http.NoBody)
	get.Header.Set("Authorization", "Bearer "+token)
	w := &discardingWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		if s.handler.ServeHTTP(w, get); w.status != http.StatusOK {
			b.Fatalf("the status is %d", w.status)
		}
	}
}

func oneUser(b *testing.B) *scim.Resource {
	b.Helper()
	body, err := schema.Decode(schema.User, fmt.Appendf(nil, benchmarkUser, 1, 1))
	if err != nil {
		b.Fatal(err)
	}
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &scim.Resource{
		Type: schema.User, ID: "user1-example-com-x7k2p", Created: created, LastModified: created.Add(time.Hour),
		Attributes: body.Attributes, Groups: func(func(scim.Reference) bool) {},
	}
}

func BenchmarkDeactivate(b *testing.B) {
	handler, id := withUser(b)
	bodies := [2]string{patchJSON(`{"op":"replace","value":{"active":false}}`), patchJSON(`{"op":"replace","value":{"active":true}}`)}
	for i := 0; b.Loop(); i++ {
		sendRequest(b, handler, "PATCH", "/Users/"+id, bodies[i%2], http.StatusOK)
	}
}

func BenchmarkFindByName(b *testing.B) {
	handler, _ := withUser(b)
	for b.Loop() {
		sendRequest(b, handler, "GET", "/Users?filter=userName%20eq%20%22user1@example.com%22", "", http.StatusOK)
	}
}

// The group has 10,000 members.
func BenchmarkGetGroup(b *testing.B) {
	s := newService(b, withoutObserver)
	s.store.Store = &singleResourceStore{s.store.Store, largeGroup(10_000)}
	for b.Loop() {
		sendRequest(b, s.handler, "GET", "/Groups/g", "", http.StatusOK)
	}
}

// singleResourceStore returns the same resource for every id.
type singleResourceStore struct {
	scim.Store
	r *scim.Resource
}

func (s *singleResourceStore) Get(context.Context, *schema.ResourceType, string, scim.Omit) (*scim.Resource, error) {
	return s.r, nil
}

func largeGroup(members int) *scim.Resource {
	return &scim.Resource{
		Type: schema.Group, ID: "g", Attributes: schema.Object{}.With(schema.GroupDisplayName, "Everyone"),
		Members: func(yield func(scim.Reference) bool) {
			for range members {
				if !yield(scim.Reference{Value: "firstname-lastname-example-com-x7k2p", Display: "Firstname Lastname"}) {
					return
				}
			}
		},
	}
}

func withUser(b *testing.B) (http.Handler, string) {
	b.Helper()
	handler := newService(b, withoutObserver).handler
	w := sendRequest(b, handler, "POST", "/Users", fmt.Sprintf(benchmarkUser, 1, 1), http.StatusCreated)
	return handler, path.Base(w.Header().Get("Location"))
}

func sendRequest(b *testing.B, handler http.Handler, method, at, body string, status int) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://sso.example.com/scim/v2"+at, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status {
		b.Fatalf("%s %s: %d %s", method, at, w.Code, w.Body)
	}
	return w
}

func withoutObserver(o *server.Options) {
	o.Observe = nil
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
}
