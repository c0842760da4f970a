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

// bulkResponseURN is the schema of a BulkResponse (RFC 7644 section 3.7).
const bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

// bulk handles POST to /Bulk (RFC 7644 section 3.7). Operations succeed or fail one by one, in their order. An
// operation that refers to the bulkId of another runs after that one. The request as a whole is not atomic.
func (s *server) bulk(req *request) (*response, error) {
	data, err := req.body()
	if err != nil {
		return nil, err
	}
	b, err := s.bulkRequest(req, data)
	if err != nil {
		return nil, err
	}
	for i := range b.operations {
		if b.failOnErrors > 0 && b.errors >= b.failOnErrors {
			break
		}
		b.runOnce(i)
	}
	if b.refusal != nil && !b.admitted { // some clients do not look at the statuses in a 200
		return nil, b.refusal
	}
	return &response{status: http.StatusOK, body: b.encodeResponse()}, nil
}

// batch is a bulk request in progress.
type batch struct {
	*server
	parent       *request
	failOnErrors int
	errors       int
	operations   []bulkOperation
	byID         map[string]int // index of the POST that has a bulkId
	admitted     bool           // at least one operation was admitted
	refusal      error          // of the last operation that was not admitted
	waitBudget   time.Duration  // how much longer it may wait
}

// bulkOperation is one operation and its result.
type bulkOperation struct {
	method, bulkID, path, version string
	data                          any
	state                         bulkState
	id                            string // of the resource that a POST has created
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

// bulkRequest reads the message. An error in the data of one operation is left to that operation's result.
func (s *server) bulkRequest(req *request, data []byte) (*batch, error) {
	message, err := schema.ParseObject(data)
	if err != nil {
		return nil, err
	}
	operations, _ := schema.JSONMember(message, "Operations")
	list, ok := operations.([]any)
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations must be an array")
	}
	if len(list) > s.Limits.BulkOperations {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the request has %d operations; at most %d are supported", len(list), s.Limits.BulkOperations),
		}
	}
	b := &batch{server: s, parent: req, byID: map[string]int{}, waitBudget: limits.BulkWait * time.Second}
	tolerated, _ := schema.JSONMember(message, "failOnErrors")
	if b.failOnErrors, err = failOnErrors(tolerated); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations has no operation")
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
		v, _ := schema.JSONMember(fields, text.name)
		if s, ok := v.(string); ok {
			*text.to = s
		} else if v != nil {
			return op, fmt.Errorf("%s must be a string", text.name)
		}
	}
	op.method = strings.ToUpper(op.method)
	op.data, _ = schema.JSONMember(fields, "data")
	return op, nil
}

// runOnce runs an operation if it has not run yet, and stores its result.
func (b *batch) runOnce(i int) {
	op := &b.operations[i]
	if op.state != waiting {
		return
	}
	op.state = underWay
	op.result = bulkResult{Method: op.method, BulkID: op.bulkID}
	resp, err := b.run(op)
	op.state = ended
	if err != nil { // the operation did not become a request, and has no response yet
		scimErr := toSCIMError(err, b.parent.record.RequestID)
		resp = &response{status: scimErr.Status, body: encodeError(scimErr.Status, scimErr.Type, shortened(scimErr.Detail, limits.Detail))}
	}
	op.result.Status = strconv.Itoa(resp.status)
	op.result.Version = resp.get("Etag")
	if location := resp.get("Location"); location != "" {
		op.result.Location = location
	}
	if resp.status >= http.StatusBadRequest {
		b.errors++
		op.result.Response = resp.body
	}
	resp.free() // op.result uses the body of an error, which is never in a buffer
}

// run makes an operation a request of its own. It first runs the operations that this one refers to.
func (b *batch) run(op *bulkOperation) (*response, error) {
	if err := b.parent.Context().Err(); err != nil {
		return nil, err
	}
	if op.method == http.MethodPost && op.bulkID == "" {
		return nil, scim.BadRequest(scim.InvalidValue, "bulkId is required with POST")
	}
	path, err := b.resolveBulkID(op.path)
	if err != nil {
		return nil, err
	}
	r, id := b.findRoute(path)
	requested, served := r.methods[op.method]
	if !served || op.method == http.MethodGet {
		return nil, scim.BadRequest(scim.InvalidValue, "%s with this method is not an operation of a bulk request", quoted(op.path))
	}
	if id != "" {
		op.result.Location = b.location(r.rt, id)
	}
	data, err := b.resolveData(r.rt, op.method, op.data)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	httpReq, err := http.NewRequestWithContext(b.parent.Context(), op.method, b.Prefix+r.pattern, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	httpReq.SetPathValue("id", id)
	if op.version != "" {
		httpReq.Header.Set("If-Match", op.version)
	}
	operationReq := b.newRequest(httpReq, r, requested)
	operationReq.session, operationReq.record.Subject = b.parent.session, b.parent.record.Subject
	operationReq.meter = b.parent.comparisons()
	operationReq.record.RequestID, operationReq.record.Remote = b.parent.record.RequestID, b.parent.record.Remote
	operationReq.record.UserAgent, operationReq.record.TraceID = b.parent.record.UserAgent, b.parent.record.TraceID
	resp := b.respond(operationReq, func(req *request) (*response, error) {
		if err := b.admit(op.method, path); err != nil {
			return nil, err
		}
		return req.do(req)
	})
	op.id = operationReq.record.ID
	return resp, nil
}

// admit asks whether the session is still valid for an operation. After a 401 it does not ask again, because
// each such attempt counts as a failed authentication. After a 403 it does, because the switch may be turned
// on again, and each refused write is counted.
func (b *batch) admit(method, path string) error {
	switch {
	case b.parent.session.Revalidate == nil:
		return nil
	case b.refusal != nil && statusOf(b.refusal) == http.StatusUnauthorized:
		return b.refusal
	}
	err := b.revalidate(method, path)
	if err != nil {
		b.refusal = err
	} else {
		b.admitted = true
	}
	return err
}

// revalidate calls Session.Revalidate. Because each operation counts as a request, it waits and repeats the
// call while the credential exceeds its rate limit, up to limits.BulkWait in all.
func (b *batch) revalidate(method, path string) error {
	for {
		err := b.parent.session.Revalidate(method, path)
		var scimErr *scim.Error
		if !errors.As(err, &scimErr) || scimErr.Status != http.StatusTooManyRequests {
			return err
		}
		wait := cmp.Or(scimErr.RetryAfter, time.Second)
		if wait > b.waitBudget {
			return err
		}
		b.waitBudget -= wait
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-b.parent.Context().Done():
			timer.Stop()
			return b.parent.Context().Err()
		}
	}
}

// findRoute returns the route of a path such as /Users/2819c223, and the id in it.
func (b *batch) findRoute(path string) (r route, id string) {
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

// encodeResponse returns the BulkResponse: the results of the operations that ran, in the order of the
// request.
func (b *batch) encodeResponse() []byte {
	results := []bulkResult{}
	for i := range b.operations {
		if b.operations[i].state == ended {
			results = append(results, b.operations[i].result)
		}
	}
	return encodeDocument(document{"schemas": []string{bulkResponseURN}, "Operations": results})
}
