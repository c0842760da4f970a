package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// The messages of a bulk request (RFC 7644 section 3.7).
const (
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	bulkIDPrefix    = "bulkId:"
)

// bulk is POST to /Bulk (RFC 7644 section 3.7): operations that are each done or not, in their order, but
// that one which names the bulkId of another is done after it. Together they are not one step.
func (s *server) bulk(c *call) (*answer, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	b, err := s.bulkRequest(c, data)
	if err != nil {
		return nil, err
	}
	for i := range b.operations {
		if b.failOnErrors > 0 && b.errors >= b.failOnErrors {
			break
		}
		b.do(i)
	}
	if b.refusal != nil && !b.admitted { // clients look at a 403, and not always into a 200
		return nil, b.refusal
	}
	return &answer{status: http.StatusOK, body: b.encode()}, nil
}

// batch is a bulk request under way.
type batch struct {
	*server
	c            *call
	failOnErrors int
	errors       int
	operations   []bulkOperation
	byID         map[string]int // index of the POST that has a bulkId
	admitted     bool           // any operation was
	refusal      error          // of the last operation that was not
	patience     time.Duration  // how much longer it may wait
}

// bulkOperation is one operation, and how it ended.
type bulkOperation struct {
	method, bulkID, path, version string
	data                          any
	state                         bulkState
	id                            string // of the resource that a POST created
	result                        bulkResult
}

type bulkState int

const (
	waiting bulkState = iota
	underWay
	ended
)

// bulkResult is one operation's part of a BulkResponse.
type bulkResult struct {
	Location string          `json:"location,omitempty"`
	Method   string          `json:"method"`
	BulkID   string          `json:"bulkId,omitempty"`
	Version  string          `json:"version,omitempty"`
	Status   string          `json:"status"`
	Response json.RawMessage `json:"response,omitempty"`
}

// bulkRequest reads the message. What is wrong with one operation alone is for that one's result.
func (s *server) bulkRequest(c *call, data []byte) (*batch, error) {
	message, err := schema.ParseObject(data)
	if err != nil {
		return nil, err
	}
	list, ok := schema.Member(message, "Operations").([]any)
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations must be an array")
	}
	if len(list) > s.Limits.BulkOperations {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("there are %d operations; at most %d are supported in one request", len(list), s.Limits.BulkOperations),
		}
	}
	b := &batch{server: s, c: c, byID: map[string]int{}, patience: limits.BulkWait * time.Second}
	if b.failOnErrors, err = failOnErrors(schema.Member(message, "failOnErrors")); err != nil {
		return nil, err
	}
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, scim.BadRequest(scim.InvalidSyntax, "Operations[%d] must be an object", i)
		}
		op, err := readBulkOperation(fields)
		if err != nil {
			return nil, scim.BadRequest(scim.InvalidSyntax, "Operations[%d]: %v", i, err)
		}
		if _, twice := b.byID[op.bulkID]; twice {
			return nil, scim.BadRequest(scim.InvalidValue, "Operations[%d]: another operation has the bulkId %s", i, quoted(op.bulkID))
		}
		if op.method == http.MethodPost && op.bulkID != "" {
			b.byID[op.bulkID] = i
		}
		b.operations = append(b.operations, op)
	}
	return b, nil
}

func failOnErrors(v any) (int, error) {
	if v == nil {
		return 0, nil
	}
	number, _ := v.(json.Number)
	n, err := strconv.ParseInt(number.String(), 10, 32)
	if err != nil || n < 0 {
		return 0, scim.BadRequest(scim.InvalidValue, "failOnErrors must be an integer of 0 or more")
	}
	return int(n), nil
}

func readBulkOperation(fields map[string]any) (op bulkOperation, err error) {
	for _, text := range []struct {
		name string
		to   *string
	}{{"method", &op.method}, {"bulkId", &op.bulkID}, {"path", &op.path}, {"version", &op.version}} {
		v := schema.Member(fields, text.name)
		if s, ok := v.(string); ok {
			*text.to = s
		} else if v != nil {
			return op, fmt.Errorf("%s must be a string", text.name)
		}
	}
	op.method = strings.ToUpper(op.method)
	op.data = schema.Member(fields, "data")
	return op, nil
}

// do does an operation, once, and notes how it ended.
func (b *batch) do(i int) {
	op := &b.operations[i]
	if op.state != waiting {
		return
	}
	op.state = underWay
	op.result = bulkResult{Method: op.method, BulkID: op.bulkID}
	a, err := b.attempt(op)
	op.state = ended
	if err != nil { // a request that was made has been answered; this one was not
		told := explain(err, b.c.record.RequestID)
		a = &answer{status: told.Status, body: encodeError(told.Status, told.Type, shortened(told.Detail, limits.Detail))}
	}
	op.result.Status = strconv.Itoa(a.status)
	op.result.Version = a.get("Etag")
	if location := a.get("Location"); location != "" {
		op.result.Location = location
	}
	if a.status >= http.StatusBadRequest {
		b.errors++
		op.result.Response = a.body
	}
	a.free() // an error is in no buffer
}

// attempt makes an operation a request of its own, once those that it refers to have been done.
func (b *batch) attempt(op *bulkOperation) (*answer, error) {
	if err := b.c.Context().Err(); err != nil {
		return nil, err
	}
	if op.method == http.MethodPost && op.bulkID == "" {
		return nil, scim.BadRequest(scim.InvalidValue, "bulkId is required with POST")
	}
	path, err := b.resolved(op.path)
	if err != nil {
		return nil, err
	}
	r, id := b.target(path)
	do := r.methods[op.method]
	if do == nil || op.method == http.MethodGet {
		return nil, scim.BadRequest(scim.InvalidValue, "%s %s is no operation of a bulk request", quoted(op.method), quoted(op.path))
	}
	if id != "" {
		op.result.Location = b.location(r.rt, id)
	}
	data, err := b.substituted(op.data)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(b.c.Context(), op.method, b.Prefix+r.pattern, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	request.SetPathValue("id", id)
	if op.version != "" {
		request.Header.Set("If-Match", op.version)
	}
	sub := b.newCall(request, r)
	sub.session, sub.record.Subject = b.c.session, b.c.record.Subject
	sub.record.RequestID, sub.record.Remote = b.c.record.RequestID, b.c.record.Remote
	a := b.answer(sub, func(c *call) (*answer, error) {
		if err := b.admit(op.method, path); err != nil {
			return nil, err
		}
		return do(c)
	})
	op.id = sub.record.ID
	return a, nil
}

// admit asks whether the session still holds for an operation. One whose credential is no longer accepted does not
// come back, and is not asked about again: it would count as guessing. The switch may, and each write that it
// refuses is counted.
func (b *batch) admit(method, path string) error {
	switch {
	case b.c.session.Again == nil:
		return nil
	case b.refusal != nil && statusOf(b.refusal) == http.StatusUnauthorized:
		return b.refusal
	}
	err := b.ask(method, path)
	if err != nil {
		b.refusal = err
	} else {
		b.admitted = true
	}
	return err
}

// ask waits while the credential asks too often, for each operation counts as a request; but only as long as the
// client may be waiting too.
func (b *batch) ask(method, path string) error {
	for {
		err := b.c.session.Again(method, path)
		var told *scim.Error
		if !errors.As(err, &told) || told.Status != http.StatusTooManyRequests {
			return err
		}
		wait := cmp.Or(told.RetryAfter, time.Second)
		if wait > b.patience {
			return err
		}
		b.patience -= wait
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-b.c.Context().Done():
			timer.Stop()
			return b.c.Context().Err()
		}
	}
}

// target is the route of a path such as /Users/2819c223, and the id in it.
func (b *batch) target(path string) (r route, id string) {
	for _, r := range b.bulkRoutes {
		rest, ok := strings.CutPrefix(path, r.rt.Endpoint)
		switch isItem := strings.HasSuffix(r.pattern, "}"); {
		case !ok:
		case rest == "" && !isItem:
			return r, ""
		case len(rest) > 1 && rest[0] == '/' && !strings.Contains(rest[1:], "/") && isItem:
			return r, rest[1:]
		}
	}
	return route{}, ""
}

// resolved is a text with the id of what was created in the place of "bulkId:" and its name there.
func (b *batch) resolved(text string) (string, error) {
	at := strings.Index(text, bulkIDPrefix)
	if at < 0 {
		return text, nil
	}
	name := text[at+len(bulkIDPrefix):]
	i, known := b.byID[name]
	if !known {
		return "", scim.BadRequest(scim.InvalidValue, "%s: no POST of this request has that bulkId", quoted(bulkIDPrefix+name))
	}
	if b.operations[i].state == underWay {
		return "", &scim.Error{
			Status: http.StatusConflict,
			Detail: fmt.Sprintf("%s: the operations refer to each other in a circle; create one without the other, then add it", quoted(bulkIDPrefix+name)),
		}
	}
	if b.do(i); b.operations[i].id == "" {
		return "", &scim.Error{
			Status: http.StatusConflict,
			Detail: fmt.Sprintf("%s: the operation that was to create it has failed", quoted(bulkIDPrefix+name)),
		}
	}
	return text[:at] + b.operations[i].id, nil
}

// substituted is a JSON value whose strings that begin with "bulkId:" are resolved.
func (b *batch) substituted(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, bulkIDPrefix) {
			return b.resolved(v)
		}
	case []any:
		for i := range v {
			if v[i], err = b.substituted(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = b.substituted(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// encode is the BulkResponse: of the operations that were tried, in the order of the request.
func (b *batch) encode() []byte {
	results := []bulkResult{}
	for i := range b.operations {
		if b.operations[i].state == ended {
			results = append(results, b.operations[i].result)
		}
	}
	return encode(document{"schemas": []string{bulkResponseURN}, "Operations": results})
}
