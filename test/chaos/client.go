package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/provider"
)

const (
	userURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"
	patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

	// clientTimeout is how long a client waits for an answer: less than providers do, so that more answers are lost.
	clientTimeout = 15 * time.Second
)

// Client is one identity provider's connection to each replica.
type Client struct {
	number   int
	replicas *Replicas
	history  *History
	to       []*provider.Client // by slot
}

// NewClient returns a client with connections of its own.
func NewClient(number int, replicas *Replicas, history *History) (*Client, error) {
	c := &Client{number: number, replicas: replicas, history: history}
	for _, url := range replicas.URLs() {
		p, err := replicas.Provider(url)
		if err != nil {
			return nil, err
		}
		p.HTTP.Timeout = clientTimeout
		c.to = append(c.to, p)
	}
	return c, nil
}

// Send sends a request to a replica and records the answer.
func (c *Client) Send(ctx context.Context, slot int, o Op) *Op {
	c.prepare(&o, c.replicas.Process(slot))
	method, path, body := o.request()
	to := *c.to[slot]
	if o.IfVersion != "" {
		to.HTTP = withHeader(to.HTTP, "If-Match", o.IfVersion)
	}
	o.Call = c.history.Now()
	answer, err := to.Do(ctx, method, path, body)
	o.Return = c.history.Now()
	if err != nil {
		o.recordFailure(err)
	} else {
		o.recordAnswer(answer)
	}
	c.history.Record(&o)
	return &o
}

// prepare completes a request.
func (c *Client) prepare(o *Op, process Process) {
	o.ID, o.Client, o.Process = c.history.NewID(), c.number, process
	if o.Kind == RemoveMembers && o.byPath() {
		o.Members = o.Members[:1]
	}
	o.index()
}

// request returns the HTTP request.
func (o *Op) request() (method, path, body string) {
	collection := "/Users"
	if o.Group {
		collection = "/Groups"
	}
	resource := collection + "/" + o.Subject
	switch o.Kind {
	case Create:
		return http.MethodPost, collection, o.creation()
	case Rename:
		if o.Put {
			return http.MethodPut, resource, o.replacement()
		}
		return http.MethodPatch, resource, o.patch(fmt.Sprintf(`%q:%q`, o.nameAttribute(), o.Name))
	case Activate, Deactivate:
		return http.MethodPatch, resource, o.patch(fmt.Sprintf(`"active":%v`, o.Kind == Activate))
	case Delete:
		return http.MethodDelete, resource, ""
	case AddMembers, RemoveMembers, ReplaceMembers, EmptyGroup:
		return o.membershipRequest(resource)
	}
	return http.MethodGet, collection + o.query(), ""
}

// query returns what follows the collection's path in a read.
func (o *Op) query() string {
	switch o.Kind {
	case FindName:
		return byFilter("%s eq %q", o.nameAttribute(), strings.ToUpper(o.Name))
	case FindExternal:
		return byFilter("externalId eq %q", o.ExternalID)
	case FindMember:
		return byFilter("id eq %q and members.value eq %q", o.Subject, o.Members[0]) + "&excludedAttributes=members"
	}
	return "/" + o.Subject
}

func (o *Op) membershipRequest(resource string) (method, path, body string) {
	switch {
	case o.Kind == AddMembers:
		body = operation(`{"op":"add","path":"members","value":[%s]}`, o.references())
	case o.Kind == EmptyGroup:
		body = operation(`{"op":"remove","path":"members"}`)
	case o.Kind == RemoveMembers && o.byPath():
		body = operation(`{"op":"remove","path":%q}`, fmt.Sprintf("members[value eq %q]", o.Members[0]))
	case o.Kind == RemoveMembers:
		body = operation(`{"op":"remove","path":"members","value":[%s]}`, o.references())
	case o.byPath():
		body = operation(`{"op":"replace","path":"members","value":[%s]}`, o.references())
	default:
		return http.MethodPut, resource, fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":[%s]}`, groupURN, o.Name, o.references())
	}
	return http.MethodPatch, resource, body
}

// byPath chooses between two ways of providers: removing one member by a path or a list of them, and replacing all
// members by a PATCH or by a PUT.
func (o *Op) byPath() bool { return o.ID%2 == 1 }

func (o *Op) nameAttribute() string {
	if o.Group {
		return "displayName"
	}
	return "userName"
}

// creation returns the body of a create. It has the request's number twice: in nickName, which changes leave alone, and in
// title, which every change sets. A group has only an externalId for it.
func (o *Op) creation() string {
	if o.Group {
		return fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"externalId":"%d","members":[%s]}`, groupURN, o.Name, o.ID, o.references())
	}
	return fmt.Sprintf(`{"schemas":[%q],"userName":%q,"externalId":%q,"nickName":"%d","title":"%d","active":true}`, userURN, o.Name, o.ExternalID, o.ID, o.ID)
}

// replacement returns the body of a PUT, without the attributes that a PUT leaves alone if they are missing: active and
// members.
func (o *Op) replacement() string {
	if o.Group {
		return fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"externalId":"%d"}`, groupURN, o.Name, o.ID)
	}
	return fmt.Sprintf(`{"schemas":[%q],"userName":%q,"externalId":%q,"nickName":"%d","title":"%d"}`, userURN, o.Name, o.ExternalID, o.Origin, o.ID)
}

func (o *Op) patch(attribute string) string {
	marker := "title"
	if o.Group {
		marker = "externalId"
	}
	return operation(`{"op":"replace","value":{%s,%q:"%d"}}`, attribute, marker, o.ID)
}

func (o *Op) references() string {
	var all []string
	for _, m := range o.Members {
		all = append(all, fmt.Sprintf(`{"value":%q}`, m))
	}
	return strings.Join(all, ",")
}

func operation(format string, args ...any) string {
	return fmt.Sprintf(`{"schemas":[%q],"Operations":[%s]}`, patchURN, fmt.Sprintf(format, args...))
}

func byFilter(format string, args ...any) string {
	return "?filter=" + url.QueryEscape(fmt.Sprintf(format, args...))
}

// recordFailure records that there was no answer. A connection that was refused has carried no request.
func (o *Op) recordFailure(err error) {
	o.Outcome, o.Detail = Unknown, err.Error()
	var dial *net.OpError
	if !o.Writes() || errors.As(err, &dial) && dial.Op == "dial" {
		o.Outcome = Unsent
	}
}

// recordAnswer records the outcome that an answer means.
func (o *Op) recordAnswer(answer *provider.Response) {
	o.Status = answer.Status
	o.RetryAfter = answer.Header.Get("Retry-After")
	o.Detail, _ = answer.Body["detail"].(string)
	switch status := answer.Status; {
	case status == http.StatusTooManyRequests, status >= 500 && !o.Writes():
		o.Outcome = Unsent
	case status >= 500:
		o.Outcome = Unknown
	case status == http.StatusForbidden:
		o.Outcome = Forbidden
	case status == http.StatusNotFound && o.Subject != "":
		o.Outcome = NotFound
	case status == http.StatusConflict && o.Names():
		o.Outcome = Conflict
	case status == http.StatusPreconditionFailed && o.IfVersion != "":
		o.Outcome = PreconditionFailed
	case status == o.success():
		o.Outcome = Done
		o.recordResources(answer)
	default:
		o.Outcome = Unexpected
	}
}

func (o *Op) success() int {
	switch o.Kind {
	case Create:
		return http.StatusCreated
	case Delete:
		return http.StatusNoContent
	}
	return http.StatusOK
}

// recordResources records the resources that an answer shows.
func (o *Op) recordResources(answer *provider.Response) {
	switch {
	case o.Kind == Delete, answer.Body == nil:
		return
	}
	switch o.Kind {
	case FindName, FindExternal, FindMember:
		for _, resource := range answer.Resources() {
			o.Seen = append(o.Seen, o.seen(resource))
		}
		if answer.Total() == 0 {
			o.Outcome = Empty
		}
	default:
		o.Seen = []Seen{o.seen(answer.Body)}
		if o.Kind == Create {
			o.Result = answer.ID()
		}
	}
}

// seen returns a resource of an answer.
func (o *Op) seen(resource map[string]any) Seen {
	text := func(from map[string]any, key string) string {
		value, _ := from[key].(string)
		return value
	}
	meta, _ := resource["meta"].(map[string]any)
	s := Seen{
		ID: text(resource, "id"), Name: strings.ToLower(text(resource, o.nameAttribute())), ExternalID: text(resource, "externalId"),
		Version: text(meta, "version"),
	}
	s.Active, _ = resource["active"].(bool)
	s.Modified, _ = time.Parse(time.RFC3339Nano, text(meta, "lastModified"))
	if !o.Group {
		s.Marker, s.Origin = number(text(resource, "title")), number(text(resource, "nickName"))
		return s
	}
	s.Marker = number(s.ExternalID)
	s.Origin = s.Marker
	if o.Kind != FindMember {
		s.Members = []string{}
	}
	list, _ := resource["members"].([]any)
	for _, item := range list {
		member, _ := item.(map[string]any)
		s.Members = append(s.Members, text(member, "value"))
	}
	return s
}

// number returns a request's number, or 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// withHeader returns the client with one more header in each request.
func withHeader(c *http.Client, key, value string) *http.Client {
	return &http.Client{Timeout: c.Timeout, Transport: headerTransport{c.Transport, key, value}}
}

type headerTransport struct {
	next       http.RoundTripper
	key, value string
}

// RoundTrip implements http.RoundTripper.
func (t headerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(t.key, t.value)
	return t.next.RoundTrip(r)
}
