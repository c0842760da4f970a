package server_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// FuzzRequest sends any request to a service with a user and a group. The service never fails, every response is
// well-formed (see send), and what it stores can be read again.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ method, path, query, body string }{
		{"GET", "/Users", `filter=emails[type eq "work"].value co "a"&sortBy=name.familyName&attributes=emails[type eq "work"],x`, ""},
		{"GET", "/", "cursor=&count=1&sortOrder=descending", ""},
		{"GET", "/Users/id-1", "excludedAttributes=meta", ""},
		{"POST", "/Users", "", `{"userName":"bob","emails":[{"value":"a","primary":"True"},{"value":"a","primary":false}],"` + enterprise + `":{"manager":null}}`},
		{"POST", "/Groups/.search", "", `{"filter":"members.value eq \"id-1\"","count":0}`},
		{"PUT", "/Groups/id-2", "", `{"schemas":[],"displayName":"Others","members":[{"value":"id-1"},"absent"]}`},
		{"PATCH", "/Users/id-1", "attributes=emails", patchJSON(`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"b"},{"op":"add","path":"x","value":1},{"op":"remove","path":"active"}`)},
		{"PATCH", "/Users/id-1", "", patchJSON(`{"op":"replace","value":{"name":{"givenName":null},"` + enterprise + `":{"department":"","x":1},"active":"False"}}`)},
		{"PATCH", "/Groups/id-2", "", patchJSON(`{"op":"remove","path":"members[value eq \"id-1\" and display co \"a\"]"},{"op":"add","path":"members","value":"id-1"}`)},
		{"DELETE", "/Users/id-1", "", ""},
		{"GET", "/Schemas", "filter=id pr", ""},
	} {
		f.Add(seed.method, seed.path, seed.query, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		s := newFuzzedService(t)
		r, err := http.NewRequestWithContext(t.Context(), method, "http://sso.example.com", bytes.NewReader(body))
		if err != nil {
			return // not a method
		}
		r.URL = &url.URL{Scheme: "http", Host: "sso.example.com", Path: "/scim/v2" + path, RawQuery: strings.ReplaceAll(query, " ", "+")}
		r.Header.Set("Authorization", "Bearer "+token)
		if got := s.send(r); got.status == http.StatusInternalServerError {
			t.Errorf("%s %q?%q %q: %s: %s", method, path, query, body, got.raw, &s.log)
		}
		s.checkStored()
	})
}

// FuzzBulk sends any body to /Bulk.
func FuzzBulk(f *testing.F) {
	for _, body := range []string{
		bulkJSON(postOperation("/Users", "1", `{"userName":"bob"}`), postOperation("/Groups", "2", `{"displayName":"B","members":[{"value":"bulkId:1"}]}`)),
		bulkJSON(postOperation("/Groups", "1", `{"displayName":"A","members":["bulkId:2"]}`), postOperation("/Groups", "2", `{"displayName":"B","members":["bulkId:1"]}`)),
		bulkJSON(`{"method":"PATCH","path":"/Groups/id-2","data":` + patchJSON(`{"op":"remove","path":"members[value eq \"bulkId:1\"]"}`) + `}`),
		bulkJSON(`{"method":"PUT","path":"/Users/bulkId:x","version":"W/\"1\"","data":{"userName":"bulkId:x"}}`, `{"method":"DELETE","path":"/Users/id-1"}`),
		`{"failOnErrors":1,"Operations":[{},{"method":"GET","path":"/Users"},{"method":"post","bulkId":"","path":"/Users/","data":[]}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newFuzzedService(t)
		r := s.do("POST", "/Bulk", string(body))
		if r.status == http.StatusInternalServerError {
			t.Errorf("%q: %s: %s", body, r.raw, &s.log)
		}
		operations, _ := r.at("Operations").([]any)
		for i := range operations {
			status, _ := valueAt(operations[i], "status").(string)
			if len(status) != 3 || status == "500" {
				t.Errorf("%q: operation %d has the status %q: %s: %s", body, i, status, r.raw, &s.log)
			}
		}
		s.checkStored()
	})
}

// newFuzzedService returns a service with the user id-1, who is the member of the group id-2.
func newFuzzedService(t *testing.T) *service {
	t.Helper()
	s := newService(t)
	user := schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true)
	group := schema.Object{}.With(schema.GroupDisplayName, "Admins")
	for _, err := range []error{
		second(s.store.Create(context.Background(), schema.User, user, nil)),
		second(s.store.Create(context.Background(), schema.Group, group, []string{"id-1"})),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func second[T any](_ T, err error) error { return err }

// checkStored fails unless each stored resource is one that its schema accepts, also after it is written and read.
func (s *service) checkStored() {
	s.t.Helper()
	for _, rt := range schema.ResourceTypes {
		list, _ := s.do("GET", rt.Endpoint, "").answers(http.StatusOK).at("Resources").([]any)
		for _, resource := range list {
			body, err := schema.Decode(rt, []byte(toJSON(resource)))
			if err == nil {
				err = schema.Validate(rt, body.Attributes)
			}
			if err != nil {
				s.t.Errorf("stored is %s: %v", toJSON(resource), err)
			}
		}
	}
}
