package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func bulkJSON(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

func post(path, bulkID, data string) string {
	return `{"method":"POST","path":"` + path + `","bulkId":"` + bulkID + `","data":` + data + `}`
}

// bulk sends operations, and expects their statuses.
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
		post("/Users", "alice", `{"userName":"alice"}`),
		post("/Users", "bob", `{"userName":"bob"}`),
		post("/Groups", "staff", `{"displayName":"Staff","members":[{"value":"bulkId:alice"},{"value":"bulkId:bob"}]}`))
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

func TestBulkReferencesAreDoneFirst(t *testing.T) {
	s := newService(t)
	r := s.bulk("201 201 200",
		post("/Groups", "staff", `{"displayName":"Staff","members":[{"value":"bulkId:alice"}]}`),
		post("/Users", "alice", `{"userName":"alice"}`),
		`{"method":"PATCH","path":"/Users/bulkId:alice","data":`+patchJSON(`{"op":"add","path":"title","value":"CEO"}`)+`}`)
	r.has("Operations.0.bulkId", "staff").has("Operations.1.bulkId", "alice")
	s.do("GET", strings.TrimPrefix(r.text("Operations.0.location"), base), "").answers(200).has("members", 1)
	s.do("GET", strings.TrimPrefix(r.text("Operations.2.location"), base), "").answers(200).has("userName", "alice").has("title", "CEO")
}

func TestBulkThatCannotBe(t *testing.T) {
	s := newService(t)
	t.Log("a circle")
	r := s.bulk("409 409 201",
		post("/Groups", "a", `{"displayName":"A","members":[{"value":"bulkId:b"}]}`),
		post("/Groups", "b", `{"displayName":"B","members":[{"value":"bulkId:a"}]}`),
		post("/Users", "c", `{"userName":"carol"}`))
	detail := r.text("Operations.0.response.detail") + r.text("Operations.1.response.detail")
	if !strings.Contains(detail, "circle") {
		t.Errorf("the details are %q", detail)
	}
	t.Log("a reference to what failed, and to nothing")
	s.bulk("409 409 400",
		post("/Users", "d", `{"userName":"carol"}`),
		post("/Groups", "e", `{"displayName":"E","members":[{"value":"bulkId:d"}]}`),
		post("/Groups", "f", `{"displayName":"F","members":[{"value":"bulkId:nobody"}]}`))
	t.Log("each operation for itself")
	s.bulk("400 400 400 400 400 400 400",
		`{"method":"POST","path":"/Users","data":{"userName":"no bulkId"}}`,
		`{"method":"GET","path":"/Users"}`,
		`{"method":"POST","path":"/Users/x","bulkId":"1","data":{}}`,
		`{"method":"PUT","path":"/Devices/1","data":{}}`,
		`{"method":"POST","path":"/Bulk","bulkId":"2","data":{}}`,
		`{"path":"/Users"}`,
		post("/Users", "3", `{"userName":7,"active":"perhaps"}`))
	s.do("GET", "/", "").answers(200).has("totalResults", 1)
}

func TestBulkStopsAfterErrors(t *testing.T) {
	s := newService(t)
	fails, works := post("/Users", "%s", `{}`), post("/Users", "%s", `{"userName":"%s"}`)
	operations := []string{
		fmt.Sprintf(fails, "1"), fmt.Sprintf(works, "2", "bob"), fmt.Sprintf(fails, "3"), fmt.Sprintf(works, "4", "dave"),
	}
	message := bulkJSON(operations...)
	stop := strings.Replace(message, `{"schemas"`, `{"failOnErrors":2,"schemas"`, 1)
	s.do("POST", "/Bulk", stop).answers(200).has("Operations", 3).has("Operations.1.status", "201")
	s.do("GET", "/Users", "").answers(200).lists("bob")
	s.bulk("400 409 400 201", operations...)
}

func TestBulkMessages(t *testing.T) {
	s := newService(t, func(o *server.Options) { o.Limits.BulkOperations, o.Limits.BulkBody = 2, 1000 })
	s.do("GET", "/ServiceProviderConfig", "").answers(200).has("bulk.supported", true).has("bulk.maxOperations", 2.0).has("bulk.maxPayloadSize", 1000.0)
	one := post("/Users", "1", `{"userName":"alice"}`)
	s.do("POST", "/Bulk", bulkJSON(one, post("/Users", "2", `{}`), post("/Users", "3", `{}`))).refuses(413, "", "3 operations", "at most 2")
	s.do("POST", "/Bulk", bulkJSON(post("/Users", "1", `{"userName":"`+strings.Repeat("x", 1000)+`"}`))).refuses(413, "", "1000 bytes")
	s.do("POST", "/Bulk", bulkJSON(one, one)).refuses(400, "invalidValue", "Operations[1]", "bulkId")
	s.do("POST", "/Bulk", bulkJSON(`7`)).refuses(400, "invalidSyntax", "Operations[0]")
	s.do("POST", "/Bulk", bulkJSON(`{"method":7}`)).refuses(400, "invalidSyntax", "Operations[0]", "method")
	s.do("POST", "/Bulk", `{"Operations":{}}`).refuses(400, "invalidSyntax", "Operations")
	s.do("POST", "/Bulk", `{"failOnErrors":"one","Operations":[]}`).refuses(400, "invalidValue", "failOnErrors")
	s.do("POST", "/Bulk", `{"failOnErrors":-1,"Operations":[]}`).refuses(400, "invalidValue", "failOnErrors")
	s.do("POST", "/Bulk", bulkJSON(), "Authorization: ").refuses(401, "")
	s.do("GET", "/Bulk", "").refuses(405, "").sends("Allow", "POST")
	s.do("GET", "/Users", "").answers(200).has("totalResults", 0)
	s.bulk("")
}

func TestBulkIsObservedOperationByOperation(t *testing.T) {
	s := newService(t)
	s.bulk("201 400", post("/Users", "1", `{"userName":"alice","password":"`+password+`"}`), post("/Groups", "2", `{}`))
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

// asking is a service whose bulk requests are asked about again, which again answers by how often it was asked.
func asking(t *testing.T, again func(asked int) error) (s *service, asked *[]string) {
	asked = &[]string{}
	return newService(t, func(o *server.Options) {
		authenticate := o.Authenticate
		o.Authenticate = func(r *http.Request) (server.Session, error) {
			session, err := authenticate(r)
			session.Again = func(method, path string) error {
				*asked = append(*asked, method+" "+path)
				return again(len(*asked))
			}
			return session, err
		}
	}), asked
}

func users(n int) (operations []string) {
	for i := range n {
		operations = append(operations, post("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"user%d"}`, i)))
	}
	return operations
}

// A bulk request goes on no longer than its credential and its directory let it.
func TestBulkIsAskedForAgain(t *testing.T) {
	s, asked := asking(t, func(asked int) error {
		switch asked {
		case 2: // waited for
			return &scim.Error{Status: 429, Detail: "too often", RetryAfter: time.Millisecond}
		case 4, 5:
			return &scim.Error{Status: 403, Detail: "SCIM synchronization is disabled", Reason: "switched-off"}
		}
		return nil
	})
	s.bulk("201 201 403 403 201", post("/Users", "1", `{"userName":"a"}`), post("/Users", "2", `{"userName":"b"}`),
		post("/Groups", "3", `{"displayName":"C"}`), `{"method":"DELETE","path":"/Users/bulkId:1"}`, post("/Users", "4", `{"userName":"d"}`))
	if got := *asked; len(got) != 6 || got[0] != "POST /Users" || got[3] != "POST /Groups" || !strings.HasPrefix(got[4], "DELETE /Users/id-") {
		t.Errorf("asked %q", got)
	}
	if r := s.records[2]; r.Route != "/Groups" || r.Status != 403 || r.Reason != "switched-off" || r.Subject != "acme/okta" {
		t.Errorf("observed %+v", r)
	}
	s.do("GET", "/", "").answers(200).has("totalResults", 3)
}

// A credential that is no longer accepted is not asked about again and again: that would count as guessing.
func TestBulkEndsWithItsCredential(t *testing.T) {
	s, asked := asking(t, func(asked int) error {
		if asked > 1 {
			return &scim.Error{Status: 401, Detail: "not valid", Reason: "disabled"}
		}
		return nil
	})
	s.bulk("201 401 401 401", users(4)...)
	if len(*asked) != 2 {
		t.Errorf("asked %q", *asked)
	}
	for _, r := range s.records[1:4] {
		if r.Status != 401 || r.Reason != "disabled" {
			t.Errorf("observed %+v", r)
		}
	}
}

// Where nothing is let through, the whole is refused, and every operation was asked about: each counts as refused.
func TestBulkIsRefusedAsAWhole(t *testing.T) {
	for _, refusal := range []*scim.Error{
		{Status: 403, Detail: "SCIM synchronization is disabled", Reason: "switched-off"},
		{Status: 401, Detail: "not valid"},
		{Status: 429, Detail: "too often", RetryAfter: time.Hour},
	} {
		s, asked := asking(t, func(int) error { return refusal })
		s.do("POST", "/Bulk", bulkJSON(append(users(3), `{"method":"GET","path":"/Users"}`)...)).refuses(refusal.Status, "", refusal.Detail)
		if want := 3; refusal.Status != 401 && len(*asked) != want || len(s.records) != 4 || s.records[0].Status != refusal.Status {
			t.Errorf("%d: asked %q, observed %+v", refusal.Status, *asked, s.records)
		}
		s.do("POST", "/Bulk", bulkJSON()).answers(200).has("Operations", 0)
	}
}

// The client waits too, and not forever.
func TestBulkIsNotPatientForever(t *testing.T) {
	s, asked := asking(t, func(asked int) error {
		if asked == 2 || asked == 3 {
			return &scim.Error{Status: 429, Detail: "too often", RetryAfter: time.Hour, Reason: "rate-limited"}
		}
		return nil
	})
	s.bulk("201 429 429 201", users(4)...)
	if len(*asked) != 4 {
		t.Errorf("asked %q", *asked)
	}
}
