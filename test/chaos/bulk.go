package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/cloudsso/cloudsso-operator/test/provider"
)

const (
	bulkURN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	// mostOperations is how many operations one bulk request has, at most.
	mostOperations = 4
)

// bulk sends several changes in one request: of users or groups that compete for names, and of a team.
func (p *player) bulk(ctx context.Context, r *round) {
	c, t := pick(p.random, append(slices.Clone(r.users), r.groups)), pick(p.random, r.teams)
	var ops []Op
	for range 2 + p.random.IntN(mostOperations-1) {
		o := p.aboutMembers(t)
		if p.random.IntN(10) < 7 {
			o, _ = p.aboutNames(c)
		}
		if o.Writes() {
			ops = append(ops, o)
		}
	}
	if len(ops) > 0 {
		p.SendBulk(ctx, p.anywhere(), ops)
		p.pauseAfter(ctx, &ops[len(ops)-1])
	}
}

// SendBulk sends requests as the operations of one bulk request, and records the answer to each. The service carries them
// out one after the other; a client knows only when the whole began and ended.
func (c *Client) SendBulk(ctx context.Context, slot int, ops []Op) {
	process, batch := c.replicas.Process(slot), 0
	var operations []string
	for i := range ops {
		c.prepare(&ops[i], process)
		if i == 0 {
			batch = ops[i].ID
		}
		ops[i].Batch = batch
		operations = append(operations, ops[i].operation())
	}
	body := fmt.Sprintf(`{"schemas":[%q],"Operations":[%s]}`, bulkURN, strings.Join(operations, ","))
	call := c.history.Now()
	answer, err := c.to[slot].Do(ctx, http.MethodPost, "/Bulk", body)
	returned := c.history.Now()
	results := map[string]map[string]any{}
	if err == nil {
		results = resultsOf(answer)
	}
	for i := range ops {
		o := &ops[i]
		o.Call, o.Return = call, returned
		switch {
		case err != nil:
			o.recordFailure(err)
		case answer.Status != http.StatusOK:
			o.recordAnswer(answer)
		default:
			o.recordResult(results[strconv.Itoa(o.ID)])
		}
		c.history.Record(o)
	}
}

// operation returns the request as an operation of a bulk request (RFC 7644 section 3.7).
func (o *Op) operation() string {
	method, path, body := o.request()
	operation := fmt.Sprintf(`{"method":%q,"path":%q,"bulkId":"%d"`, method, path, o.ID)
	if o.IfVersion != "" {
		operation += fmt.Sprintf(`,"version":%q`, o.IfVersion)
	}
	if body != "" {
		operation += `,"data":` + body
	}
	return operation + "}"
}

// resultsOf returns the results in a BulkResponse, by bulkId.
func resultsOf(answer *provider.Response) map[string]map[string]any {
	results := map[string]map[string]any{}
	list, _ := answer.Body["Operations"].([]any)
	for _, item := range list {
		result, _ := item.(map[string]any)
		id, _ := result["bulkId"].(string)
		results[id] = result
	}
	return results
}

// recordResult records the result of one operation. A result of success shows no resource.
func (o *Op) recordResult(result map[string]any) {
	text, _ := result["status"].(string)
	status, err := strconv.Atoi(text)
	if err != nil {
		o.Outcome, o.Detail = Unexpected, errors.Join(errors.New("no result in a BulkResponse"), err).Error()
		return
	}
	body, _ := result["response"].(map[string]any)
	o.recordAnswer(&provider.Response{Status: status, Header: http.Header{}, Body: body})
	if location, _ := result["location"].(string); o.Kind == Create && o.Outcome == Done {
		o.Result = path.Base(location)
	}
}

// precedes reports whether a request was done before another of the same bulk request.
func (o *Op) precedes(other *Op) bool {
	return o.Batch != 0 && o.Batch == other.Batch && o.ID < other.ID
}

// ordered is a state of a model, and how many operations of each unfinished bulk request it includes.
type ordered struct {
	state any
	taken map[int]int
}

// inOrder returns a model that takes the operations of each bulk request in their order, if their outcome is known. Any
// operation of unknown outcome may not have happened.
func inOrder(m porcupine.Model, ops []*Op) porcupine.Model {
	places, sizes := places(ops)
	inner := m
	m.Init = func() any { return ordered{state: inner.Init()} }
	m.Step = func(state, input, output any) (bool, any) {
		s, _ := state.(ordered)
		o, _ := input.(*Op)
		place := places[o]
		if place != 0 && s.taken[o.Batch] != place-1 {
			return false, s
		}
		ok, next := inner.Step(s.state, input, output)
		if !ok || place == 0 {
			return ok, ordered{next, s.taken}
		}
		taken := map[int]int{}
		maps.Copy(taken, s.taken)
		if taken[o.Batch] = place; place == sizes[o.Batch] {
			delete(taken, o.Batch)
		}
		return true, ordered{next, taken}
	}
	m.Equal = func(a, b any) bool {
		x, _ := a.(ordered)
		y, _ := b.(ordered)
		return maps.Equal(x.taken, y.taken) && (inner.Equal == nil && x.state == y.state || inner.Equal != nil && inner.Equal(x.state, y.state))
	}
	if inner.Hash != nil {
		m.Hash = func(state any) uint64 {
			s, _ := state.(ordered)
			return inner.Hash(s.state)
		}
	}
	m.DescribeState = func(state any) string {
		s, _ := state.(ordered)
		return inner.DescribeState(s.state)
	}
	return m
}

// places returns the places of operations in their bulk requests, from 1, and how many there are.
func places(ops []*Op) (places map[*Op]int, sizes map[int]int) {
	places, sizes = map[*Op]int{}, map[int]int{}
	byID := slices.SortedFunc(slices.Values(ops), func(a, b *Op) int { return a.ID - b.ID })
	for _, o := range byID {
		if o.Batch != 0 && (o.Outcome != Unknown || o.Resolved) {
			sizes[o.Batch]++
			places[o] = sizes[o.Batch]
		}
	}
	return places, sizes
}
