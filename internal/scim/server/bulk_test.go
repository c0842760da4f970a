package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func bulkJSON(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

func postOperation(path, bulkID, data string) string {
	return `{"method":"POST","path":"` + path + `","bulkId":"` + bulkID + `","data":` + data + `}`
}

// bulk sends operations and checks their statuses.
func (s *service) bulk(statuses string, operations ...string) *reply {
	s.t.Helper()
	r := s.do("POST", "/Bulk", bulkJSON(operations...)).answers(200).has("schemas.0", "urn:ietf:params:scim:api:messages:2.0:BulkResponse")
	want := strings.Fields(statuses)
	r.has("Operations", len(want))
	for i, status := range want {
		r.has(fmt.Sprintf("Operations.%d.status", i), status)
	}
	return r
}

func TestBulk(t *testing.T) {
	s := newService(t)
	r := s.bulk("201 201 201",
		postOperation("/Users", "alice", `{"userName":"alice"}`),
		postOperation("/Users", "bob", `{"userName":"bob"}`),
		postOperation("/Groups", "staff", `{"displayName":"Staff","members":[{"value":"bulkId:alice"},{"value":"bulkId:bob"}]}`))
	alice := strings.TrimPrefix(r.text("Operations.0.location"), base+"/Users/")
	staff := strings.TrimPrefix(r.text("Operations.2.location"), base+"/Groups/")
	r.has("Operations.0.method", "POST").has("Operations.0.bulkId", "alice").has("Operations.0.response", nil)
	s.do("GET", "/Users/"+alice, "").answers(200).has("userName", "alice").sends("ETag", r.text("Operations.0.version"))
	s.do("GET", "/Groups/"+staff, "").answers(200).has("members", 2).has("members.0.value", alice)

	version := s.do("GET", "/Users/"+alice, "").text("meta.version")
	r = s.bulk("200 412 200 204 404",
		`{"method":"PATCH","path":"/Users/`+alice+`","version":`+quote(version)+`,"data":`+patchJSON(`{"op":"replace","path":"title","value":"CEO"}`)+`}`,
		`{"method":"PATCH","path":"/Users/`+alice+`","version":`+quote(version)+`,"data":`+patchJSON(`{"op":"replace","path":"title","value":"CTO"}`)+`}`,
		`{"method":"put","path":"/Groups/`+staff+`","data":{"displayName":"Everybody","members":[]}}`,
		`{"method":"DELETE","path":"/Users/`+alice+`"}`,
		`{"method":"DELETE","path":"/Users/`+alice+`"}`)
	r.has("Operations.0.location", base+"/Users/"+alice).has("Operations.3.location", base+"/Users/"+alice).has("Operations.3.version", nil)
	r.has("Operations.1.response.status", "412").has("Operations.4.response.schemas.0", "urn:ietf:params:scim:api:messages:2.0:Error")
	s.do("GET", "/Users/"+alice, "").answers(404)
	s.do("GET", "/Groups/"+staff, "").answers(200).has("displayName", "Everybody").has("members", 0)
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestReferencedBulkOperationsRunFirst(t *testing.T) {
	s := newService(t)
	r := s.bulk("201 201 200",
		postOperation("/Groups", "staff", `{"displayName":"Staff","members":[{"value":"bulkId:alice"}]}`),
		postOperation("/Users", "alice", `{"userName":"alice"}`),
		`{"method":"PATCH","path":"/Users/bulkId:alice","data":`+patchJSON(`{"op":"add","path":"title","value":"CEO"}`)+`}`)
	r.has("Operations.0.bulkId", "staff").has("Operations.1.bulkId", "alice")
	s.do("GET", strings.TrimPrefix(r.text("Operations.0.location"), base), "").answers(200).has("members", 1)
	s.do("GET", strings.TrimPrefix(r.text("Operations.2.location"), base), "").answers(200).has("userName", "alice").has("title", "CEO")
}

func TestReferencesToBulkIDsAreResolvedWhereAnIDIsHeld(t *testing.T) {
	s := newService(t)
	user, bob := s.user("carol"), s.user("bob")
	staff, others := s.group("Staff", user, bob), s.group("Others", bob)
	r := s.bulk("201 200 200 200 200 201",
		postOperation("/Users", "alice", `{"userName":"alice"}`),
		`{"method":"PATCH","path":"/Groups/`+staff+`","data":`+patchJSON(`{"OP":"add","PATH":"members","VALUE":["bulkId:alice"]},{"op":"replace","value":{"members":[{"value":"bulkId:alice"},{"value":"`+user+`"}]}},`+
			`{"op":"remove","path":"members[value eq \"`+user+`\"]"}`)+`}`,
		`{"method":"PATCH","path":"/Groups/`+others+`","data":`+patchJSON(`{"op":"add","path":"members","value":{"value":"bulkId:alice"}},{"op":"remove","path":"members[value eq \"bulkId:alice\" or value eq \"`+bob+`\"]"}`)+`}`,
		`{"method":"PATCH","path":"/Users/`+user+`","data":`+patchJSON(`{"op":"add","path":"`+enterprise+`:manager","value":"bulkId:alice"}`)+`}`,
		`{"method":"PUT","path":"/Users/`+bob+`","data":{"userName":"bob","`+enterprise+`":{"manager":{"value":"bulkId:alice"}}}}`,
		postOperation("/Users", "dave", `{"userName":"dave","`+enterprise+`":{"manager":"bulkId:alice"}}`))
	alice := strings.TrimPrefix(r.text("Operations.0.location"), base+"/Users/")
	s.do("GET", "/Groups/"+staff, "").answers(200).has("members", 1).has("members.0.value", alice)
	s.do("GET", "/Groups/"+others, "").answers(200).has("members", 0)
	s.do("GET", "/Users?filter="+url.QueryEscape(enterprise+`:manager.value eq "`+alice+`"`), "").answers(200).has("totalResults", 3)

	t.Log("references that cannot be resolved")
	s.bulk("400 400 400",
		`{"method":"PATCH","path":"/Groups/`+staff+`","data":`+patchJSON(`{"op":"remove","path":"members[value eq \"bulkId:absent\"]"}`)+`}`,
		`{"method":"PATCH","path":"/Groups/`+staff+`","data":`+patchJSON(`{"op":"add","path":"members","value":["bulkId:absent"]}`)+`}`,
		`{"method":"PATCH","path":"/Groups/`+staff+`","data":`+patchJSON(`{"op":"add","value":{"members":["bulkId:absent"]}}`)+`}`)
	s.do("GET", "/Groups/"+staff, "").answers(200).has("members", 1)
}

func TestOtherTextThatBeginsLikeAReferenceIsText(t *testing.T) {
	s := newService(t)
	r := s.bulk("201 201 200 200",
		postOperation("/Users", "alice", `{"userName":"bulkId:alice","displayName":"bulkId:alice","emails":["bulkId:alice"]}`),
		postOperation("/Groups", "staff", `{"displayName":"bulkId:absent","members":[{"value":"bulkId:alice","display":"bulkId:absent"}]}`),
		`{"method":"PATCH","path":"/Users/bulkId:alice","data":`+patchJSON(`{"op":"add","path":"title","value":"bulkId:alice"},{"op":"replace","path":"emails[value eq \"bulkId:alice\"].display","value":"bulkId:absent"},`+
			`{"op":"add","value":{"nickName":"bulkId:absent","x":"bulkId:absent"}}`)+`}`,
		`{"method":"PATCH","path":"/Groups/bulkId:staff","data":`+patchJSON(`{"op":"replace","path":"displayName","value":"bulkId:alice"}`)+`}`)
	s.do("GET", strings.TrimPrefix(r.text("Operations.0.location"), base), "").answers(200).has("userName", "bulkId:alice").has("displayName", "bulkId:alice").
		has("emails.0.value", "bulkId:alice").has("emails.0.display", "bulkId:absent").has("title", "bulkId:alice").has("nickName", "bulkId:absent")
	s.do("GET", strings.TrimPrefix(r.text("Operations.1.location"), base), "").answers(200).has("displayName", "bulkId:alice").has("members", 1)
}

func TestInvalidBulkOperationsFailOneByOne(t *testing.T) {
	s := newService(t)
	t.Log("operations that refer to each other in a circle")
	r := s.bulk("409 409 201",
		postOperation("/Groups", "a", `{"displayName":"A","members":[{"value":"bulkId:b"}]}`),
		postOperation("/Groups", "b", `{"displayName":"B","members":[{"value":"bulkId:a"}]}`),
		postOperation("/Users", "c", `{"userName":"carol"}`))
	detail := r.text("Operations.0.response.detail") + r.text("Operations.1.response.detail")
	if !strings.Contains(detail, "circle") {
		t.Errorf("the details are %q", detail)
	}
	t.Log("references to an operation that failed, and to an unknown bulkId")
	s.bulk("409 409 400",
		postOperation("/Users", "d", `{"userName":"carol"}`),
		postOperation("/Groups", "e", `{"displayName":"E","members":[{"value":"bulkId:d"}]}`),
		postOperation("/Groups", "f", `{"displayName":"F","members":[{"value":"bulkId:absent"}]}`))
	t.Log("invalid operations")
	s.bulk("400 400 400 400 400 400 400",
		`{"method":"POST","path":"/Users","data":{"userName":"no bulkId"}}`,
		`{"method":"GET","path":"/Users"}`,
		`{"method":"POST","path":"/Users/x","bulkId":"1","data":{}}`,
		`{"method":"PUT","path":"/Devices/1","data":{}}`,
		`{"method":"POST","path":"/Bulk","bulkId":"2","data":{}}`,
		`{"path":"/Users"}`,
		postOperation("/Users", "3", `{"userName":7,"active":"perhaps"}`))
	s.do("GET", "/", "").answers(200).has("totalResults", 1)
}

func TestBulkStopsAfterErrors(t *testing.T) {
	s := newService(t)
	fails, works := postOperation("/Users", "%s", `{}`), postOperation("/Users", "%s", `{"userName":"%s"}`)
	operations := []string{
		fmt.Sprintf(fails, "1"), fmt.Sprintf(works, "2", "bob"), fmt.Sprintf(fails, "3"), fmt.Sprintf(works, "4", "dave"),
	}
	message := bulkJSON(operations...)
	stop := strings.Replace(message, `{"schemas"`, `{"failOnErrors":2,"schemas"`, 1)
	s.do("POST", "/Bulk", stop).answers(200).has("Operations", 3).has("Operations.1.status", "201")
	s.do("GET", "/Users", "").answers(200).lists("bob")
	s.bulk("400 409 400 201", operations...)
}

func TestMalformedBulkRequestsAreRefused(t *testing.T) {
	s := newService(t, func(o *server.Options) { o.Limits.BulkOperations, o.Limits.BulkBody = 2, 1000 })
	s.do("GET", "/ServiceProviderConfig", "").answers(200).has("bulk.supported", true).has("bulk.maxOperations", 2.0).has("bulk.maxPayloadSize", 1000.0)
	one := postOperation("/Users", "1", `{"userName":"alice"}`)
	s.do("POST", "/Bulk", bulkJSON(one, postOperation("/Users", "2", `{}`), postOperation("/Users", "3", `{}`))).refuses(413, "", "3 operations", "at most 2")
	s.do("POST", "/Bulk", bulkJSON(postOperation("/Users", "1", `{"userName":"`+strings.Repeat("x", 1000)+`"}`))).refuses(413, "", "1000 bytes")
	s.do("POST", "/Bulk", bulkJSON(one, one)).refuses(400, "invalidValue", "Operations[1]", "bulkId")
	s.do("POST", "/Bulk", bulkJSON(`7`)).refuses(400, "invalidSyntax", "Operations[0]")
	s.do("POST", "/Bulk", bulkJSON(`{"method":7}`)).refuses(400, "invalidSyntax", "Operations[0]", "method")
	s.do("POST", "/Bulk", `{"Operations":{}}`).refuses(400, "invalidSyntax", "Operations")
	s.do("POST", "/Bulk", `{"failOnErrors":"one","Operations":[]}`).refuses(400, "invalidValue", "failOnErrors")
	s.do("POST", "/Bulk", `{"failOnErrors":-1,"Operations":[]}`).refuses(400, "invalidValue", "failOnErrors")
	s.do("POST", "/Bulk", bulkJSON(), "Authorization: ").refuses(401, "")
	s.do("GET", "/Bulk", "").refuses(405, "").sends("Allow", "POST")
	s.do("GET", "/Users", "").answers(200).has("totalResults", 0)
	s.do("POST", "/Bulk", bulkJSON()).refuses(400, "invalidSyntax", "Operations")
}

func TestEachBulkOperationIsObserved(t *testing.T) {
	s := newService(t)
	s.bulk("201 400", postOperation("/Users", "1", `{"userName":"alice","password":"`+password+`"}`), postOperation("/Groups", "2", `{}`))
	if len(s.records) != 3 {
		t.Fatalf("observed %+v", s.records)
	}
	if r := s.records[0]; r.Method != "POST" || r.Route != "/Users" || r.Name != "alice" || r.Status != 201 || r.Subject != "acme/okta" || r.ID == "" {
		t.Errorf("observed %+v", r)
	}
	if r := s.records[1]; r.Route != "/Groups" || r.Status != 400 || r.RequestID != s.records[2].RequestID {
		t.Errorf("observed %+v", r)
	}
}

// newRevalidatingService returns a service whose sessions call revalidate with the number of the call. It also
// returns the operations of all calls.
func newRevalidatingService(t *testing.T, again func(asked int) error) (s *service, asked *[]string) {
	asked = &[]string{}
	return newService(t, func(o *server.Options) {
		authenticate := o.Authenticate
		o.Authenticate = func(r *http.Request) (server.Session, error) {
			session, err := authenticate(r)
			session.Revalidate = func(method, path string) error {
				*asked = append(*asked, method+" "+path)
				return again(len(*asked))
			}
			return session, err
		}
	}), asked
}

func createUserOperations(n int) (operations []string) {
	for i := range n {
		operations = append(operations, postOperation("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"user%d"}`, i)))
	}
	return operations
}

// The credential or the switch may change while a bulk request runs.
func TestBulkOperationsAreRevalidated(t *testing.T) {
	s, asked := newRevalidatingService(t, func(asked int) error {
		switch asked {
		case 2: // waited for
			return &scim.Error{Status: 429, Detail: "too often", RetryAfter: time.Millisecond}
		case 4, 5:
			return &scim.Error{Status: 403, Detail: "SCIM synchronization is disabled", Reason: "switched-off"}
		}
		return nil
	})
	s.bulk("201 201 403 403 201", postOperation("/Users", "1", `{"userName":"a"}`), postOperation("/Users", "2", `{"userName":"b"}`),
		postOperation("/Groups", "3", `{"displayName":"C"}`), `{"method":"DELETE","path":"/Users/bulkId:1"}`, postOperation("/Users", "4", `{"userName":"d"}`))
	if got := *asked; len(got) != 6 || got[0] != "POST /Users" || got[3] != "POST /Groups" || !strings.HasPrefix(got[4], "DELETE /Users/id-") {
		t.Errorf("asked %q", got)
	}
	if r := s.records[2]; r.Route != "/Groups" || r.Status != 403 || r.Reason != "switched-off" || r.Subject != "acme/okta" {
		t.Errorf("observed %+v", r)
	}
	s.do("GET", "/", "").answers(200).has("totalResults", 3)
}

// Each further attempt would count as a failed authentication.
func TestBulkIsNotRevalidatedAfterA401(t *testing.T) {
	s, asked := newRevalidatingService(t, func(asked int) error {
		if asked > 1 {
			return &scim.Error{Status: 401, Detail: "not valid", Reason: "disabled"}
		}
		return nil
	})
	s.bulk("201 401 401 401", createUserOperations(4)...)
	if len(*asked) != 2 {
		t.Errorf("asked %q", *asked)
	}
	for _, r := range s.records[1:4] {
		if r.Status != 401 || r.Reason != "disabled" {
			t.Errorf("observed %+v", r)
		}
	}
}

// Each operation is revalidated even then, because each refused write is counted.
func TestBulkIsRefusedIfNoOperationIsAdmitted(t *testing.T) {
	for _, refusal := range []*scim.Error{
		{Status: 403, Detail: "SCIM synchronization is disabled", Reason: "switched-off"},
		{Status: 401, Detail: "not valid"},
		{Status: 429, Detail: "too often", RetryAfter: time.Hour},
	} {
		s, asked := newRevalidatingService(t, func(int) error { return refusal })
		s.do("POST", "/Bulk", bulkJSON(append(createUserOperations(3), `{"method":"GET","path":"/Users"}`)...)).refuses(refusal.Status, "", refusal.Detail)
		if want := 3; refusal.Status != 401 && len(*asked) != want || len(s.records) != 4 || s.records[0].Status != refusal.Status {
			t.Errorf("%d: asked %q, observed %+v", refusal.Status, *asked, s.records)
		}
	}
}

// The client waits for the response in the meantime.
func TestBulkWaitsForTheRateLimitWithinBounds(t *testing.T) {
	s, asked := newRevalidatingService(t, func(asked int) error {
		if asked == 2 || asked == 3 {
			return &scim.Error{Status: 429, Detail: "too often", RetryAfter: time.Hour, Reason: "rate-limited"}
		}
		return nil
	})
	s.bulk("201 429 429 201", createUserOperations(4)...)
	if len(*asked) != 4 {
		t.Errorf("asked %q", *asked)
	}
}

// A bulk request has one budget for the filters in the paths of all operations. Operations without filters go on.
func TestOperationsOfABulkRequestShareABudget(t *testing.T) {
	s := newService(t)
	alice := s.user("alice")
	s.do("PATCH", "/Users/"+alice, patchJSON(`{"op":"add","path":"emails","value":`+manyEmails()+`}`)).answers(200)
	const conditions = 250
	costly := `{"method":"PATCH","path":"/Users/` + alice + `","data":` + patchJSON(removeEmails(conditions)) + `}`
	const affordable = limits.FilterComparisons / (conditions*limits.Values + limits.PatchComparisons)
	operations := slices.Repeat([]string{costly}, affordable+2)
	operations = append(operations, `{"method":"PATCH","path":"/Users/`+alice+`","data":`+patchJSON(`{"op":"replace","path":"active","value":false}`)+`}`)
	statuses := strings.Repeat("200 ", affordable) + "400 400 200"
	r := s.bulk(statuses, operations...)
	if detail := r.text(fmt.Sprintf("Operations.%d.response.detail", affordable)); !strings.Contains(detail, "fewer operations") {
		t.Errorf("the detail is %q", detail)
	}
	s.do("GET", "/Users/"+alice, "").answers(200).has("active", false)
}
