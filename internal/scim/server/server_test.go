package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func TestUnknownPathsAreRefused(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/users", "/Users/a/b", "/Users/a%2Fb", "/Groups/a/members", "/Devices", "/../admin", "/v1/Users"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			s.do(method, path, "").refuses(404, "", "base URL")
		}
	}
	outside := httptest.NewRequest("GET", "http://sso.example.com/healthz", nil)
	s.send(outside).refuses(404, "", "/healthz")
}

func TestUnsupportedMethodsAreRefused(t *testing.T) {
	s := newService(t)
	for _, c := range []struct{ path, allow, methods string }{
		{"/Users", "GET, POST, HEAD", "PUT PATCH DELETE OPTIONS TRACE PROPFIND"},
		{"/Groups", "GET, POST, HEAD", "PUT PATCH DELETE OPTIONS"},
		{"/Users/id-1", "DELETE, GET, PATCH, PUT, HEAD", "POST OPTIONS"},
		{"/Groups/id-1", "DELETE, GET, PATCH, PUT, HEAD", "POST"},
		{"/ServiceProviderConfig", "GET, HEAD", "POST PUT PATCH DELETE"},
		{"/ResourceTypes", "GET, HEAD", "POST"},
		{"/Schemas/x", "GET, HEAD", "DELETE"},
	} {
		for method := range strings.FieldsSeq(c.methods) {
			s.do(method, c.path, "{}").refuses(405, "", method).sends("Allow", c.allow)
		}
	}
}

func TestOperationsThatAreNotSupported(t *testing.T) {
	s := newService(t)
	s.do("GET", "/Me", "").refuses(501, "", "/Me")
}

// Administrators enter base URLs with a trailing slash.
func TestPathsAreCleaned(t *testing.T) {
	s := newService(t)
	id := s.user("alice")
	for _, path := range []string{"//Users", "/Users/", "/./Users", "//Users//"} {
		s.do("GET", path, "").answers(200).has("totalResults", 1)
	}
	s.do("GET", "//Users//"+id+"/?attributes=userName", "").answers(200).has("userName", "alice").has("meta", nil)
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	s := newService(t, func(o *server.Options) { o.Observe = nil })
	id := "id-1"
	if _, err := s.store.Create(t.Context(), schema.User, schema.Object{}.With(schema.UserName, "alice"), nil); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.handler)
	defer web.Close()
	for _, path := range []string{"/Users", "/Users/" + id, "/Users/absent", "/Schemas"} {
		get, head := roundTrip(t, web, "GET", path), roundTrip(t, web, "HEAD", path) //nolint:bodyclose // it closes them
		for _, header := range []string{"Content-Type", "Content-Length", "Etag"} {
			if get.Header.Get(header) != head.Header.Get(header) {
				t.Errorf("%s of %s: GET %q, HEAD %q", header, path, get.Header.Get(header), head.Header.Get(header))
			}
		}
		if get.StatusCode != head.StatusCode {
			t.Errorf("%s: GET %d, HEAD %d", path, get.StatusCode, head.StatusCode)
		}
	}
}

func roundTrip(t *testing.T, web *httptest.Server, method, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/scim/v2"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := web.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAuthentication(t *testing.T) {
	s := newService(t)
	for _, c := range []struct {
		authorization string
		status        int
		header, value string
		subject       string // of a known credential that is refused
	}{
		{"", 401, "WWW-Authenticate", `Bearer realm="scim"`, ""},
		{"Bearer wrong", 401, "WWW-Authenticate", `Bearer realm="scim"`, ""},
		{"Basic Zm9vOmJhcg==", 401, "WWW-Authenticate", `Bearer realm="scim"`, ""},
		{"Bearer off", 403, "WWW-Authenticate", "", "acme/okta"},
		{"Bearer often", 429, "Retry-After", "2", "acme/okta"},
		{"Bearer starting", 503, "Retry-After", "1", ""},
		{"Bearer broken", 500, "Retry-After", "", ""},
	} {
		for _, r := range []*reply{
			s.do("GET", "/Users", "", "Authorization: "+c.authorization),
			s.do("GET", "/Groups/x", "", "Authorization: "+c.authorization),
			s.do("POST", "/Users", `{"userName":"mallory"}`, "Authorization: "+c.authorization),
			s.do("PATCH", "/Users/x", "{malformed", "Authorization: "+c.authorization, "Content-Type: text/plain"),
		} {
			r.refuses(c.status, "").sends(c.header, c.value)
			if subject := s.record().Subject; subject != c.subject {
				t.Errorf("subject is %q, want %q", subject, c.subject)
			}
		}
	}
	s.do("GET", "/Users", "").answers(200).has("totalResults", 0)
	if subject := s.record().Subject; subject != "acme/okta" {
		t.Errorf("subject is %q", subject)
	}
}

func TestDiscoveryNeedsNoCredentials(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"} {
		for authorization, status := range map[string]int{
			"": 200, "Bearer " + token: 200, "Bearer off": 200, "Bearer starting": 200, "Bearer broken": 200,
			"Bearer wrong": 401, "Bearer often": 429,
		} {
			s.do("GET", path, "", "Authorization: "+authorization).answers(status)
		}
	}
}

func TestResponsesDoNotDiscloseCauses(t *testing.T) {
	s := newService(t)
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("dial tcp 10.0.0.1:2379: connection refused") },
		"an error made for the client, of status 500": func() error { return &scim.Error{Status: 500, Detail: "dial tcp 10.0.0.1:2379"} },
		"an error without a status":                   func() error { return &scim.Error{Detail: "dial tcp 10.0.0.1:2379"} },
		"panic":                                       func() error { panic("dial tcp 10.0.0.1:2379") },
	} {
		t.Run(name, func(t *testing.T) {
			s.store.fail = fail
			s.log.Reset()
			r := s.do("GET", "/Users/x", "")
			r.refuses(500, "", s.record().RequestID)
			if strings.Contains(r.raw, "10.0.0.1") {
				t.Errorf("the response has the cause: %s", r.raw)
			}
			log := s.log.String()
			if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, s.record().RequestID) {
				t.Errorf("the log does not have the error: %s", log)
			}
			if name != "nil pointer" && !strings.Contains(log, "10.0.0.1") {
				t.Errorf("the log does not have the cause: %s", log)
			}
		})
	}
}

func TestErrorsOfTheStore(t *testing.T) {
	s := newService(t)
	for _, c := range []struct {
		err        error
		status     int
		retryAfter string
	}{
		{scim.Unavailable(30*time.Second, errors.New("etcd")), 503, "30"},
		{scim.Unavailable(30*time.Second+1, errors.New("etcd")), 503, "31"},
		{scim.Unavailable(time.Millisecond, errors.New("etcd")), 503, "1"},
		{fmt.Errorf("get: %w", scim.Unavailable(0, errors.New("etcd"))), 503, "1"},
		{context.Canceled, 503, "1"},
		{fmt.Errorf("get: %w", context.DeadlineExceeded), 503, "1"},
		{&scim.Error{Status: 429, Detail: "slow down", RetryAfter: time.Minute}, 429, "60"},
		{&scim.Error{Status: 403, Detail: "the directory is disabled"}, 403, ""},
		{scim.NotFound("User", "x"), 404, ""},
		{errors.Join(scim.Conflict("userName is taken"), errors.New("undo failed")), 409, ""},
	} {
		s.store.fail = func() error { return c.err }
		r := s.do("GET", "/Users/x", "").answers(c.status).sends("Retry-After", c.retryAfter)
		if strings.Contains(r.raw, "etcd") || strings.Contains(r.raw, "undo") {
			t.Errorf("the response has the cause: %s", r.raw)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "etcd") || strings.Contains(log, "slow down\" level=ERROR") {
		t.Errorf("log: %s", log)
	}
}

func TestAbortPanicIsPassedOn(t *testing.T) {
	s := newService(t)
	s.store.fail = func() error { panic(http.ErrAbortHandler) }
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Error("the panic was swallowed")
		}
	}()
	s.do("GET", "/Users/x", "")
}

func TestMediaTypes(t *testing.T) {
	s := newService(t)
	for i, c := range []struct {
		contentType string
		status      int
	}{
		{"application/scim+json", 201},
		{"application/json", 201},
		{"application/scim+json; charset=utf-8", 201},
		{"application/json;charset=UTF-8", 201},
		{`Application/JSON; charset="utf8"`, 201},
		{"", 201},
		{"text/plain", 415},
		{"application/xml", 415},
		{"application/x-www-form-urlencoded", 415},
		{"application/json; charset=iso-8859-1", 415},
		{"application/json; charset", 415},
		{"json", 415},
	} {
		body := fmt.Sprintf(`{"userName":"user%d"}`, i)
		s.do("POST", "/Users", body, "Content-Type: "+c.contentType).answers(c.status)
	}
	s.do("POST", "/Users", `{"userName":"zip"}`, "Content-Encoding: gzip").refuses(415, "", "gzip")
	s.do("PUT", "/Users/id-1", "{}", "Content-Type: text/plain").refuses(415, "", "text/plain")
	s.do("PATCH", "/Users/id-1", "{}", "Content-Type: text/plain").refuses(415, "", "text/plain")
	for accept, want := range map[string]string{
		"application/scim+json":                       "application/scim+json",
		"application/json":                            "application/json",
		"application/json; charset=utf-8":             "application/json",
		"application/json, application/scim+json":     "application/scim+json",
		"application/json, text/plain, */*":           "application/scim+json",
		"application/*":                               "application/scim+json",
		"text/html":                                   "application/scim+json",
		"text/html, application/json;q=0.9, text/css": "application/json",
	} {
		s.do("GET", "/Users", "", "Accept: "+accept).answers(200).sends("Content-Type", want)
		s.do("GET", "/Users/absent", "", "Accept: "+accept).answers(404).sends("Content-Type", want)
	}
}

func TestPrefixAndBaseURLMayDiffer(t *testing.T) {
	s := newService(t, func(o *server.Options) { o.Prefix, o.BaseURL = "/tenants/acme/", "https://public.example/scim/" })
	request := httptest.NewRequest("POST", "http://internal:8443/tenants/acme/Users", strings.NewReader(`{"userName":"alice"}`))
	request.Header.Set("Authorization", "Bearer "+token)
	r := s.send(request).answers(201)
	r.sends("Location", "https://public.example/scim/Users/"+r.id()).has("meta.location", "https://public.example/scim/Users/"+r.id())
	s.do("GET", "/Users", "").refuses(404, "")

	root := newService(t, func(o *server.Options) { o.Prefix = "/" })
	root.send(httptest.NewRequest("GET", "http://sso.example.com/Schemas", nil)).answers(200)
}

func TestRecords(t *testing.T) {
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1","password":"`+password+`"}`).answers(201).id()
	s.observed(server.Record{Operation: server.OperationCreate, Method: "POST", Route: "/Users", ResourceType: "User", ID: id, Name: "alice", ExternalID: "00u1", Status: 201})
	s.do("POST", "/Users", `{"userName":"Alice","externalId":"00u2","password":"`+password+`"}`).answers(409)
	s.observed(server.Record{Operation: server.OperationCreate, Method: "POST", Route: "/Users", ResourceType: "User", Name: "Alice", ExternalID: "00u2", Status: 409, Type: "uniqueness"})
	s.do("GET", "/Users/"+id, "").answers(200)
	s.observed(server.Record{Operation: server.OperationRead, Method: "GET", Route: "/Users/{id}", ResourceType: "User", ID: id, Name: "alice", ExternalID: "00u1", Status: 200})
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"userName","value":"bob"}`), "If-Match: W/\"no\"").answers(412)
	s.observed(server.Record{Operation: server.OperationModify, Method: "PATCH", Route: "/Users/{id}", ResourceType: "User", ID: id, Name: "alice", ExternalID: "00u1", Status: 412})
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"userName","value":"bob"}`)).answers(200)
	s.observed(server.Record{Operation: server.OperationModify, Method: "PATCH", Route: "/Users/{id}", ResourceType: "User", ID: id, Name: "bob", ExternalID: "00u1", Status: 200})
	s.do("DELETE", "/Users/"+id, "").answers(204)
	s.observed(server.Record{Operation: server.OperationDelete, Method: "DELETE", Route: "/Users/{id}", ResourceType: "User", ID: id, Name: "bob", ExternalID: "00u1", Status: 204})
	s.do("GET", "/Groups?filter="+url.QueryEscape(`displayName eq "x"`), "").answers(200)
	s.observed(server.Record{Operation: server.OperationQuery, Method: "GET", Route: "/Groups", ResourceType: "Group", Status: 200})
	s.do("GET", "/Nothing/x", "").answers(404)
	s.observed(server.Record{Operation: server.OperationUnknown, Method: "GET", Status: 404})
}

// observed compares the last record in what does not differ from run to run.
func (s *service) observed(want server.Record) {
	s.t.Helper()
	got := s.record()
	if got.Duration <= 0 {
		s.t.Errorf("duration is %v", got.Duration)
	}
	want.Subject = "acme/okta"
	want.Remote = "192.0.2.1:1234" // httptest's
	want.RequestID, want.Duration, want.Detail = got.RequestID, got.Duration, got.Detail
	want.Effects, want.Changes, want.Added, want.Removed = got.Effects, got.Changes, got.Added, got.Removed // see effect_test.go
	if !reflect.DeepEqual(got, want) {
		s.t.Errorf("observed %+v, want %+v", got, want)
	}
}
