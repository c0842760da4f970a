// Package server is the HTTP side of a SCIM 2.0 service provider (RFC 7644) over any scim.Store.
//
//	options.go     what it must be told
//	limits.go      what one request may cost
//	server.go      routes, and the way of a request: authenticate, do, answer, observe
//	answer.go      how an answer is written          buffer.go               in what
//	query.go       what a request asks for          body.go, negotiate.go   what it carries
//	create.go, read.go, list.go, replace.go, modify.go, remove.go           one operation each
//	cursor.go, search.go   other ways to ask for a list                     bulk.go   many at once
//	active.go      what it means to say nothing of active
//	unknown.go     what is ignored, and told of once
//	represent.go   what an answer shows             version.go              entity tags
//	discovery.go   what the service says of itself
//	load.go        what is worked on at a time
//	failure.go     the one place that turns errors into SCIM errors
package server

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// New is the service. It answers every path, below its prefix or not, and every error is a SCIM error
// (RFC 7644 section 3.12). TLS, timeouts and listening are the caller's.
func New(options Options) http.Handler {
	s := &server{Options: options.withDefaults(), load: newLoad()}
	s.mux = s.routes()
	return s
}

type server struct {
	Options
	mux        *http.ServeMux
	bulkRoutes []route // those that a bulk request has
	unknown    unknown
	load       *load
}

// endpoint does what one request asks for.
type endpoint func(*call) (*answer, error)

// route is a path and what can be done there.
type route struct {
	pattern string               // below the prefix, as http.ServeMux has it; empty for unknown paths
	rt      *schema.ResourceType // nil for discovery, and at the root
	methods map[string]endpoint
	maxBody int64 // in bytes
	open    bool  // needs no credentials
}

// call is one request under way.
type call struct {
	*http.Request
	route
	session Session
	record  Record
	visit   visit
	taken   bool // the whole body has been read
}

func (s *server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	s.bulkRoutes = slices.Concat(s.resources(schema.User, s.Limits.UserBody), s.resources(schema.Group, s.Limits.GroupBody))
	known := slices.Concat(s.discovery(), s.root(), s.searches(), s.bulkRoutes)
	for _, r := range append(known, unsupported...) {
		mux.HandleFunc(cmp.Or(s.Prefix+strings.TrimSuffix(r.pattern, "/"), "/{$}"), s.handler(r))
	}
	mux.HandleFunc("/", s.handler(route{}))
	return mux
}

// endpoint is what does a method. A path or a method that there is not needs no credentials.
func (r *route) endpoint(method string) endpoint {
	if r.methods == nil {
		r.open = true
		return refusePath
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if do := r.methods[method]; do != nil {
		return do
	}
	r.open = true
	return refuseMethod
}

// root are the routes that are about all resources.
func (s *server) root() []route {
	return []route{
		{pattern: "/", methods: map[string]endpoint{http.MethodGet: s.list}},
		{pattern: "/Bulk", maxBody: s.Limits.BulkBody, methods: map[string]endpoint{http.MethodPost: s.bulk}},
	}
}

// searches are POST to .search, at the root and at each type.
func (s *server) searches() []route {
	methods := map[string]endpoint{http.MethodPost: s.search}
	routes := []route{{pattern: "/.search", maxBody: s.Limits.UserBody, methods: methods}}
	for _, rt := range schema.ResourceTypes {
		routes = append(routes, route{pattern: rt.Endpoint + "/.search", rt: rt, maxBody: s.Limits.UserBody, methods: methods})
	}
	return routes
}

func (s *server) resources(rt *schema.ResourceType, maxBody int64) []route {
	return []route{
		{pattern: rt.Endpoint, rt: rt, maxBody: maxBody, methods: map[string]endpoint{
			http.MethodGet:  s.list,
			http.MethodPost: s.create,
		}},
		{pattern: rt.Endpoint + "/{id}", rt: rt, maxBody: maxBody, methods: map[string]endpoint{
			http.MethodGet:    s.read,
			http.MethodPut:    s.replace,
			http.MethodPatch:  s.modify,
			http.MethodDelete: s.remove,
		}},
	}
}

// unsupported are paths that RFC 7644 names and this service does not serve: 501 tells a client so
// (section 3.11), where a 404 would look like a wrong base URL.
var unsupported = []route{
	{pattern: "/Me", open: true, methods: everyMethod(refuseOperation)},
}

func everyMethod(do endpoint) map[string]endpoint {
	return map[string]endpoint{
		http.MethodGet: do, http.MethodPost: do, http.MethodPut: do, http.MethodPatch: do, http.MethodDelete: do,
	}
}

// ServeHTTP tidies the path before it is routed: a base URL that was entered with a slash at its end
// makes //Users, for which http.ServeMux would answer a redirect in HTML.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if tidy := tidied(r.URL.Path); tidy != r.URL.Path || r.URL.RawPath != "" {
		again := *r
		again.URL = &url.URL{Path: tidy, RawQuery: r.URL.RawQuery}
		r = &again
	}
	s.mux.ServeHTTP(w, r)
}

// tidied is an absolute path as it should be: usually itself.
func tidied(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return path.Clean(p)
}

// handler is the way of every request.
func (s *server) handler(r route) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		r := r
		do := r.endpoint(request.Method)
		c := s.newCall(request, r)
		c.record.RequestID = s.NewRequestID()
		defer c.visit.leave()
		a := s.answer(c, func(c *call) (*answer, error) {
			refused := s.authenticate(c)
			c.visit = s.load.enter(c.record.Subject)
			if err := cmp.Or(refused, c.visit.tooMany()); err != nil {
				return nil, err
			}
			return do(c)
		})
		if c.visit.unanswered() {
			panic(http.ErrAbortHandler)
		}
		c.hurry(w, a)
		a.write(w, c)
		if c.ProtoMajor == 2 { // which sends what is short when this has returned, and waits for its client there
			_ = http.NewResponseController(w).Flush() // of no use to one that has gone
		}
	}
}

// restTimeout is how long a client has to send the rest of a body that nobody wants, and to have its connection
// kept for the next request.
const restTimeout = time.Second

// hurry keeps a client from holding a connection with a request that has been refused. net/http reads what is left
// of a body that nobody has read, for as long as a whole request may take; and on HTTP/2, one connection has any
// number of bad requests, one after the other: that whose credential is not accepted ends, as at kube-apiserver.
func (c *call) hurry(w http.ResponseWriter, a *answer) {
	if c.ContentLength != 0 && !c.taken {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(restTimeout)) // a test's recorder has none
	}
	if c.ProtoMajor == 2 && a.status == http.StatusUnauthorized {
		a.set("Connection", "close")
	}
}

func (s *server) newCall(request *http.Request, r route) *call {
	c := &call{Request: request, route: r, record: Record{
		Method: request.Method,
		Route:  r.pattern,
		ID:     request.PathValue("id"),
		Remote: request.RemoteAddr,
	}}
	if r.rt != nil {
		c.record.ResourceType = r.rt.Name
	}
	return c
}

// answer does what a call asks for and tells whoever observes. An error, and a panic, become answers.
func (s *server) answer(c *call, do endpoint) *answer {
	started := s.Now()
	a, err := attempt(c, do)
	if err != nil {
		a = s.failure(c, err)
	}
	c.record.Status = a.status
	c.record.Duration = s.Now().Sub(started)
	if s.Observe != nil {
		s.Observe(c.record)
	}
	return a
}

func attempt(c *call, do endpoint) (a *answer, err error) {
	defer recovered(&err)
	return do(c)
}

func (s *server) authenticate(c *call) error {
	if c.open && c.Header.Get("Authorization") == "" {
		return nil
	}
	session, err := s.Authenticate(c.Request)
	c.record.Subject = session.Subject
	if err != nil {
		if status := statusOf(err); c.open && status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
			return nil
		}
		return err
	}
	c.session = session
	return nil
}

func (c *call) id() string { return c.PathValue("id") }

// about records whom the request is about, for whoever observes.
func (c *call) about(attributes schema.Object) {
	c.record.Name = cmp.Or(attributes.String(schema.UserName), attributes.String(schema.GroupDisplayName))
	c.record.ExternalID = attributes.String(schema.ExternalID)
}

func refusePath(c *call) (*answer, error) {
	return nil, &scim.Error{
		Status: http.StatusNotFound,
		Detail: "there is nothing at " + quoted(c.URL.Path) + "; check the base URL that the identity provider is given",
	}
}

func refuseOperation(c *call) (*answer, error) {
	return nil, &scim.Error{
		Status: http.StatusNotImplemented,
		Detail: c.pattern + " is not supported; /ServiceProviderConfig says what is",
	}
}

func refuseMethod(c *call) (*answer, error) {
	allowed := slices.Sorted(maps.Keys(c.methods))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	return nil, &methodNotAllowed{allow: strings.Join(allowed, ", "), method: shortened(c.Method, limits.Quoted), pattern: c.pattern}
}
