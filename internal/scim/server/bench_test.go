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

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

const benchmarkUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@example.com",
	"name":{"givenName":"Test","familyName":"User"},"emails":[{"primary":true,"value":"user@example.com","type":"work"}],
	"displayName":"Test User","locale":"en-US","externalId":"00u%d","groups":[],"password":"x","active":true}`

func BenchmarkCreate(b *testing.B) {
	const fresh = 100 // names are looked for one by one in memory: that is not what is measured
	var handler http.Handler
	for i := 0; b.Loop(); i++ {
		if i%fresh == 0 {
			handler = newService(b, silent).handler
		}
		request(b, handler, "POST", "/Users", fmt.Sprintf(benchmarkUser, i, i), http.StatusCreated)
	}
}

func BenchmarkGet(b *testing.B) {
	handler, id := withUser(b)
	for b.Loop() {
		request(b, handler, "GET", "/Users/"+id, "", http.StatusOK)
	}
}

func BenchmarkDeactivate(b *testing.B) {
	handler, id := withUser(b)
	bodies := [2]string{patchJSON(`{"op":"replace","value":{"active":false}}`), patchJSON(`{"op":"replace","value":{"active":true}}`)}
	for i := 0; b.Loop(); i++ {
		request(b, handler, "PATCH", "/Users/"+id, bodies[i%2], http.StatusOK)
	}
}

func BenchmarkFindByName(b *testing.B) {
	handler, _ := withUser(b)
	for b.Loop() {
		request(b, handler, "GET", "/Users?filter=userName%20eq%20%22user1@example.com%22", "", http.StatusOK)
	}
}

// BenchmarkGetGroup is of a group of 10,000 members.
func BenchmarkGetGroup(b *testing.B) {
	s := newService(b, silent)
	s.directory.Directory = &single{r: largeGroup(10_000)}
	for b.Loop() {
		request(b, s.handler, "GET", "/Groups/g", "", http.StatusOK)
	}
}

// single is a directory of one resource.
type single struct {
	scim.Directory
	r *scim.Resource
}

func (s *single) Get(context.Context, *schema.ResourceType, string, scim.Omit) (*scim.Resource, error) {
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
	handler := newService(b, silent).handler
	w := request(b, handler, "POST", "/Users", fmt.Sprintf(benchmarkUser, 1, 1), http.StatusCreated)
	return handler, path.Base(w.Header().Get("Location"))
}

func request(b *testing.B, handler http.Handler, method, at, body string, status int) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://sso.example.com/scim/v2"+at, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status {
		b.Fatalf("%s %s: %d %s", method, at, w.Code, w.Body)
	}
	return w
}

func silent(o *server.Options) {
	o.Observe = nil
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
}
