package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

const (
	base  = "https://sso.example.com/scim/v2"
	token = "s3cr3t-t0k3n"
	// password is part of requests, and must never be part of a response, a record or the log.
	password = "hunter2-Pa55"
)

// service is a server over a memory store. It records what the server logs and observes.
type service struct {
	t       testing.TB
	handler http.Handler
	store   *failingStore
	records []server.Record
	log     bytes.Buffer
}

func newService(t testing.TB, adjust ...func(*server.Options)) *service {
	var ticks, ids, requests atomic.Int64
	now := func() time.Time {
		return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(ticks.Add(1)) * time.Second)
	}
	s := &service{t: t}
	s.store = &failingStore{Store: memstore.New(now, func() string { return "id-" + strconv.FormatInt(ids.Add(1), 10) })}
	options := server.Options{
		Authenticate: s.authenticate,
		BaseURL:      base,
		Observe:      func(r server.Record) { s.records = append(s.records, r) },
		Logger:       slog.New(slog.NewTextHandler(&s.log, nil)),
		Now:          now,
		NewRequestID: func() string { return "request-" + strconv.FormatInt(requests.Add(1), 10) },
	}
	for _, a := range adjust {
		a(&options)
	}
	s.handler = server.New(options)
	return s
}

// authenticate accepts one token. Other tokens stand for a credential that is disabled, limited, or cannot be
// checked.
func (s *service) authenticate(r *http.Request) (server.Session, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer " + token:
		return server.Session{Store: s.store, Subject: "acme/okta"}, nil
	case "Bearer other":
		return server.Session{Store: s.store, Subject: "globex/okta", Directory: "globex"}, nil
	case "Bearer off":
		return server.Session{Subject: "acme/okta"}, &scim.Error{Status: 403, Detail: "SCIM synchronization is disabled"}
	case "Bearer often":
		return server.Session{Subject: "acme/okta"}, &scim.Error{Status: 429, Detail: "too many requests", RetryAfter: 1200 * time.Millisecond}
	case "Bearer starting":
		return server.Session{}, scim.Unavailable(0, errors.New("cache not synced"))
	case "Bearer broken":
		return server.Session{}, errors.New("secret store: connection refused")
	}
	return server.Session{}, &scim.Error{Status: 401, Detail: "the bearer token is not valid"}
}

// failingStore is a store whose reads fail on demand, and once its next change.
type failingStore struct {
	scim.Store
	fail       func() error
	failUpdate error
}

func (f *failingStore) Update(ctx context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	if err := f.failUpdate; err != nil {
		f.failUpdate = nil
		return nil, err
	}
	return f.Store.Update(ctx, rt, id, change)
}

func (f *failingStore) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	if f.fail != nil {
		return nil, f.fail()
	}
	return f.Store.Get(ctx, rt, id, omit)
}

// useSubtest reports failures to a subtest until the returned function is called.
func (s *service) useSubtest(t *testing.T) (done func()) {
	outer := s.t
	s.t = t
	return func() { s.t = outer }
}

// reply is a response with its parsed body.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// do sends a request with the valid token. headers, each "Name: value", override the defaults; an empty value
// removes one.
func (s *service) do(method, path, body string, headers ...string) *reply {
	s.t.Helper()
	request := httptest.NewRequestWithContext(s.t.Context(), method, "http://attacker.example/scim/v2"+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Del(name)
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	return s.send(request)
}

// send sends a request and checks what must hold for every response.
func (s *service) send(request *http.Request) *reply {
	s.t.Helper()
	before := len(s.records)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, request)
	r := &reply{t: s.t, status: w.Code, header: w.Header(), raw: w.Body.String()}
	seen := s.records[before:]
	if len(seen) != 1 && !strings.HasSuffix(request.URL.Path, "/Bulk") || len(seen) == 0 || s.record().Status != r.status {
		s.t.Fatalf("observed %+v of a request with the status %d", seen, r.status)
	}
	if cached := r.header.Get("Cache-Control"); r.raw != "" && cached != "no-store" {
		s.t.Errorf("Cache-Control is %q", cached)
	}
	if id := r.header.Get("X-Request-Id"); id == "" || id != s.record().RequestID {
		s.t.Errorf("X-Request-Id is %q, observed %q", id, s.record().RequestID)
	}
	if w.Body.Len() > 0 && request.Method != http.MethodHead {
		s.parse(r, request)
	}
	if r.status >= 400 {
		r.isError(s.record())
	}
	s.keepsSecrets(r)
	return r
}

func (s *service) parse(r *reply, request *http.Request) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(r.raw), &r.body); err != nil {
		s.t.Fatalf("the body is not JSON: %v: %s", err, r.raw)
	}
	if got := r.header.Get("Content-Length"); got != "" && got != strconv.Itoa(len(r.raw)) {
		s.t.Errorf("Content-Length is %s, the body is %d bytes", got, len(r.raw))
	}
	if got := r.header.Get("Content-Type"); request.Header.Get("Accept") == "" && got != "application/scim+json" {
		s.t.Errorf("Content-Type is %s", got)
	}
	if strings.Contains(r.raw, "attacker.example") {
		s.t.Errorf("the response has the Host header: %s", r.raw)
	}
}

// isError checks RFC 7644 section 3.12.
func (r *reply) isError(record server.Record) {
	r.t.Helper()
	if r.raw != "" {
		r.has("schemas.0", "urn:ietf:params:scim:api:messages:2.0:Error")
		r.has("status", strconv.Itoa(r.status))
		r.has("detail", record.Detail)
	}
	if record.Detail == "" {
		r.t.Errorf("a %d has no detail", r.status)
	}
}

func (s *service) keepsSecrets(r *reply) {
	s.t.Helper()
	output, _ := json.Marshal([]any{r.raw, r.header, s.record(), s.log.String()})
	for _, secret := range []string{token, password} {
		if bytes.Contains(output, []byte(secret)) {
			s.t.Errorf("%q is disclosed: %s", secret, output)
		}
	}
}

func (s *service) record() server.Record { return s.records[len(s.records)-1] }

// answers ends the test unless the response has that status.
func (r *reply) answers(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.raw)
	}
	return r
}

// refuses ends the test unless the response is that error. It checks that the detail contains all the words.
func (r *reply) refuses(status int, scimType string, words ...string) *reply {
	r.t.Helper()
	r.answers(status)
	var want any
	if scimType != "" {
		want = scimType
	}
	r.has("scimType", want)
	detail, _ := r.at("detail").(string)
	for _, word := range words {
		if !strings.Contains(detail, word) {
			r.t.Errorf("the detail is %q, without %q", detail, word)
		}
	}
	return r
}

// at returns the value at a path of names and indices, separated by dots.
func (r *reply) at(path string) any { return valueAt(r.body, path) }

func valueAt(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// has checks the value at a path. nil stands for an absent value, and an int may stand for the length of a
// list.
func (r *reply) has(path string, want any) *reply {
	r.t.Helper()
	got := r.at(path)
	if list, ok := got.([]any); ok {
		if n, count := want.(int); count {
			if len(list) != n {
				r.t.Errorf("%s has %d values, want %d: %s", path, len(list), n, r.raw)
			}
			return r
		}
	}
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if got != want {
		r.t.Errorf("%s is %v, want %v: %s", path, got, want, r.raw)
	}
	return r
}

func (r *reply) sends(header, want string) *reply {
	r.t.Helper()
	if got := r.header.Get(header); got != want {
		r.t.Errorf("%s is %q, want %q", header, got, want)
	}
	return r
}

// text returns the string at a path and ends the test if there is none.
func (r *reply) text(path string) string {
	r.t.Helper()
	v, _ := r.at(path).(string)
	if v == "" {
		r.t.Fatalf("no %s: %s", path, r.raw)
	}
	return v
}

func (r *reply) id() string {
	r.t.Helper()
	return r.text("id")
}

// user creates a user and returns its id.
func (s *service) user(userName string) string {
	s.t.Helper()
	return s.do("POST", "/Users", `{"userName":"`+userName+`"}`).answers(201).id()
}

// group creates a group and returns its id.
func (s *service) group(displayName string, members ...string) string {
	s.t.Helper()
	return s.do("POST", "/Groups", `{"displayName":"`+displayName+`","members":`+membersJSON(members...)+`}`).answers(201).id()
}

func membersJSON(ids ...string) string {
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"value": id})
	}
	data, _ := json.Marshal(list)
	return string(data)
}

func patchJSON(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}
