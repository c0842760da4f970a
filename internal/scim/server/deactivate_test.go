package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

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
		{"the body is not JSON", "PUT", path, `{"userName":"alice","active":false`, 400, "A: "},
		{"another version", "PUT", path, `{"userName":"alice","name":7,"active":false}`, 400, `If-Match: W/"other"`},
		{"another version of a valid request", "PUT", path, `{"userName":"alice","active":false}`, 412, `If-Match: W/"other"`},
		{"a user that does not exist", "PUT", "/Users/absent", `{"userName":"alice","name":7,"active":false}`, 400, "A: "},
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
	var refusal error
	var begun int
	s := newService(t, func(o *server.Options) {
		o.BeforeChange = func(server.Record) error { begun++; return refusal }
	})
	path := "/Users/" + s.user("alice")
	s.user("taken")
	begun = 0
	s.do("PUT", path, `{"userName":"taken","active":false}`).answers(409)
	if begun != 1 {
		t.Errorf("the provisioning log has %d beginnings of one request", begun)
	}
	s.do("PUT", path, `{"userName":"alice","active":true}`).answers(200)
	refusal = unavailable()
	s.do("PUT", path, `{"userName":"alice","name":7,"active":false}`).refuses(http.StatusServiceUnavailable, "")
	refusal = nil
	s.do("GET", path, "").has("active", true)
	s.do("PUT", path, `{"userName":"alice","name":7,"active":false}`).refuses(400, "invalidValue", deactivated)
}

// What is refused for the state of the directory, such as its switch, is not tried in another way.
func TestAReasonRefusesTheDeactivationToo(t *testing.T) {
	s := newService(t)
	path := "/Users/" + s.user("alice")
	s.store.failUpdate = &scim.Error{Status: 403, Reason: "switched-off", Detail: "SCIM synchronization is Disabled"}
	s.do("PUT", path, `{"userName":"alice","active":false}`).refuses(403, "", "Disabled")
	s.do("GET", path, "").has("active", true)
	s.store.failUpdate = &scim.Error{Status: 403, Detail: "the cluster refuses this: nickName"}
	s.do("PUT", path, `{"userName":"alice","nickName":"al","active":false}`).refuses(403, "", deactivated, "nickName")
	s.do("GET", path, "").has("active", false).has("nickName", nil)
}

func unavailable() error { return scim.Unavailable(0, errors.New("the disk is full")) }
