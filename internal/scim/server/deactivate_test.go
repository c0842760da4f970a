package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// deactivated begins the detail of a request of which the deactivation alone is stored.
const deactivated = "active is false now, and nothing else of the request was stored: "

// A leaver must lose access whatever else a request has.
func TestARefusedRequestStillDeactivates(t *testing.T) {
	s := newService(t)
	s.user("taken")
	long := strings.Repeat("x", limits.Text+1)
	manyFilters := strings.Repeat(`{"op":"replace","path":"emails[value eq \"0@x\" or display co \"b\" or display co \"c\"].type","value":"x"},`, 9_000)
	for i, c := range []struct {
		what, method, body string
		status             int
		scimType           string
		word               string
	}{
		{"a PUT with two primary values", "PUT", `{"userName":"USER","emails":[{"value":"a@x","primary":true},{"value":"b@x","primary":true}],"active":false}`, 400, "invalidValue", "emails has more than one primary value"},
		{"a PUT with a text too long", "PUT", `{"userName":"USER","nickName":"` + long + `","active":"False"}`, 400, "invalidValue", "nickName"},
		{"a PUT with a value of another type", "PUT", `{"userName":"USER","name":7,"ACTIVE":[false]}`, 400, "invalidValue", "name"},
		{"a PUT with the schema of a group", "PUT", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"userName":"USER","active":false}`, 400, "invalidSyntax", "schemas"},
		{"a PUT without userName", "PUT", `{"active":false}`, 400, "invalidValue", "userName"},
		{"a PUT with an invisible character in userName", "PUT", `{"userName":"al\u200bice","active":false}`, 400, "invalidValue", "U+200B"},
		{"a PUT with a control character in displayName", "PUT", `{"userName":"USER","displayName":"Al\tice","active":false}`, 400, "invalidValue", "U+0009"},
		{"a PUT with the userName of another user", "PUT", `{"userName":"taken","active":false}`, 409, "uniqueness", "taken"},
		{"a PUT of a profile too large", "PUT", `{"userName":"USER","photos":[{"value":"` + long[1:] + `"}],"active":false}`, 413, "", "remove some values"},
		{"a PUT with half a surrogate pair", "PUT", `{"userName":"USER","nickName":"\ud83d","active":false}`, 400, "invalidSyntax", "surrogate"},
		{"a PUT with another name twice", "PUT", `{"userName":"USER","nickName":"a","nickname":"b","active":false}`, 400, "invalidSyntax", "twice"},
		{"a PATCH with half a surrogate pair", "PATCH", patchJSON(`{"op":"replace","value":{"nickName":"\ud83d","active":false}}`), 400, "invalidSyntax", "surrogate"},
		{"a PATCH without a path", "PATCH", patchJSON(`{"op":"replace","value":{"name":7,"active":false}}`), 400, "invalidValue", "name"},
		{"a PATCH with a bad operation before", "PATCH", patchJSON(`{"op":"replace","path":"id","value":"x"},{"op":"Replace","path":"active","value":"False"}`), 400, "mutability", "id"},
		{"a PATCH with a bad operation after", "PATCH", patchJSON(`{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:User:active":false}},{"op":"replace","path":"emails[","value":"x"}`), 400, "invalidPath", "emails["},
		{"a PATCH with an unknown operation", "PATCH", patchJSON(`{"op":"move","path":"title"},{"op":"replace","path":"active","value":false}`), 400, "invalidSyntax", "op must be"},
		{"a PATCH without a target", "PATCH", patchJSON(`{"op":"replace","path":"emails[value eq \"a@x\"].value","value":"b@x"},{"op":"replace","path":"active","value":false}`), 400, "noTarget", "matches no value"},
		{"a PATCH that takes the userName of another user", "PATCH", patchJSON(`{"op":"replace","value":{"userName":"taken","active":false}}`), 409, "uniqueness", "taken"},
		{"a PATCH with costly filters", "PATCH", patchJSON(emailsOf(100) + `,` + manyFilters + `{"op":"replace","path":"active","value":false}`), 400, "tooMany", "comparisons"},
	} {
		done := s.useSubtest(t)
		t.Run(c.what, func(t *testing.T) {
			s.t = t
			name := fmt.Sprintf("user-%d", i)
			path := "/Users/" + s.user(name)
			r := s.do(c.method, path, strings.ReplaceAll(c.body, "USER", name)).refuses(c.status, c.scimType, c.word)
			if detail := r.text("detail"); !strings.HasPrefix(detail, deactivated) {
				t.Errorf("the detail is %q", detail)
			}
			s.did([]server.Effect{server.EffectDeactivated}, "active true false")
			s.do("GET", path, "").answers(200).has("active", false).has("userName", name).has("emails", nil)
			s.do(c.method, path, strings.ReplaceAll(c.body, "USER", name)).refuses(c.status, c.scimType, c.word)
			s.did(nil)
		})
		done()
	}
}

// emailsOf returns an operation that adds that many e-mail addresses.
func emailsOf(n int) string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf(`{"value":"%d@x","display":%q}`, i, strings.Repeat("x", 64))
	}
	return `{"op":"add","path":"emails","value":[` + strings.Join(values, ",") + `]}`
}

func TestARefusedRequestChangesNothingElse(t *testing.T) {
	s := newService(t)
	id := s.user("alice")
	path := "/Users/" + id
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		header                   string
	}{
		{"no word of active", "PUT", path, `{"userName":"alice","name":7}`, 400, "A: "},
		{"active is true", "PUT", path, `{"userName":"alice","name":7,"active":true}`, 400, "A: "},
		{"active cannot be read", "PUT", path, `{"userName":"alice","active":"no"}`, 400, "A: "},
		{"active is true in the end", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false},{"op":"replace","path":"active","value":true},{"op":"replace","path":"name","value":7}`), 400, "A: "},
		{"active is removed in the end", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false},{"op":"remove","path":"active"},{"op":"replace","path":"name","value":7}`), 400, "A: "},
		{"active is given twice", "PUT", path, `{"userName":"alice","active":false,"Active":false}`, 400, "A: "},
		{"an operation has two values", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false,"Value":true}`), 400, "A: "},
		{"active cannot be read in the end", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false},{"op":"replace","path":"active","value":"enabled"}`), 400, "A: "},
		{"active cannot be read in the beginning", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":"enabled"},{"op":"replace","path":"active","value":false}`), 400, "A: "},
		{"active cannot be read in a value", "PATCH", path, patchJSON(`{"op":"replace","value":{"active":false,"urn:ietf:params:scim:schemas:core:2.0:User:active":"enabled"}}`), 400, "A: "},
		{"an unknown operation of active", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false},{"op":"set","path":"active","value":true}`), 400, "A: "},
		{"an operation that may be about anything", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false},{"op":"replace","path":["active"],"value":true}`), 400, "A: "},
		{"an operation that is no object", "PATCH", path, patchJSON(`{"op":"replace","path":"active","value":false},7`), 400, "A: "},
		{"the body is not JSON", "PUT", path, `{"userName":"alice","active":false`, 400, "A: "},
		{"another version", "PUT", path, `{"userName":"alice","name":7,"active":false}`, 412, `If-Match: W/"other"`},
		{"another version of a valid request", "PUT", path, `{"userName":"alice","active":false}`, 412, `If-Match: W/"other"`},
		{"a user that does not exist", "PUT", "/Users/absent", `{"userName":"alice","name":7,"active":false}`, 404, "A: "},
		{"a group", "PUT", "/Groups/" + s.group("Staff"), `{"displayName":"","active":false}`, 400, "A: "},
	} {
		r := s.do(c.method, c.path, c.body, c.header).answers(c.status)
		if strings.Contains(r.text("detail"), deactivated) {
			t.Errorf("%s: %s", c.what, r.raw)
		}
		s.did(nil)
		s.do("GET", path, "").answers(200).has("active", true)
	}
}

// A deactivation that could not be stored must be repeated by the client, which repeats no 400.
func TestARefusedRequestWhoseDeactivationFailsIsRepeated(t *testing.T) {
	var begun []error
	s := newService(t, func(o *server.Options) {
		o.BeforeChange = func(server.Record) (err error) {
			if len(begun) > 0 {
				err, begun = begun[0], begun[1:]
			}
			return err
		}
	})
	path := "/Users/" + s.user("alice")
	bad := `{"userName":"alice","name":7,"active":false}`
	begun = []error{scim.Unavailable(0, errors.New("the disk is full"))}
	s.do("PUT", path, bad).refuses(503, "").sends("Retry-After", "1")
	for _, refusal := range []*scim.Error{
		{Status: 503, RetryAfter: 5 * time.Second, Detail: "the API server cannot be reached"},
		{Status: 429, Reason: "withheld", RetryAfter: 5 * time.Second, Detail: "the budget is used up"},
	} {
		s.store.failUpdate = refusal
		s.do("PUT", path, bad).refuses(refusal.Status, "", refusal.Detail).sends("Retry-After", "5")
	}
	s.store.failUpdate = &scim.Error{Status: 403, Reason: "switched-off", Detail: "synchronization is Disabled"}
	s.do("PUT", path, bad).refuses(403, "", "Disabled")
	s.did(nil)
	s.do("GET", path, "").has("active", true)
	s.do("PUT", path, bad).refuses(400, "invalidValue", deactivated)
}

func TestABulkOperationThatIsRefusedStillDeactivates(t *testing.T) {
	s := newService(t)
	path := "/Users/" + s.user("alice")
	r := s.do("POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":1,"Operations":[
		{"method":"PUT","path":"`+path+`","data":{"userName":"alice","name":7,"active":false}},
		{"method":"PATCH","path":"`+path+`","data":`+patchJSON(`{"op":"replace","path":"title","value":"none"}`)+`}]}`).answers(200)
	r.has("Operations", 1).has("Operations.0.status", "400")
	if detail := r.text("Operations.0.response.detail"); !strings.HasPrefix(detail, deactivated) {
		t.Error(detail)
	}
	s.do("GET", path, "").has("active", false).has("title", nil)
}
