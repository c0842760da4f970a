package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// holdScan takes the place of a scan until the returned function is called.
func (s *service) holdScan() (release func()) {
	s.t.Helper()
	release, err := s.store.AcquireScan(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return release
}

// manyEmails returns as many emails as a user may have.
func manyEmails() string {
	emails := make([]string, limits.Values)
	for i := range emails {
		emails[i] = fmt.Sprintf(`{"value":"%d@example.com"}`, i)
	}
	return `[` + strings.Join(emails, ",") + `]`
}

// removeEmails returns an operation whose path has so many conditions, of which none holds.
func removeEmails(conditions int) string {
	return `{"op":"remove","path":"emails[` + strings.TrimSuffix(strings.Repeat(`value co \"xyz\" or `, conditions), " or ") + `]"}`
}

// A PATCH whose paths need as many comparisons as a scan waits for the place of one. Others do not, so that a leaver can
// always be disabled.
func TestAPatchWithCostlyPathsIsAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while a request is worked on
		s := newService(t)
		alice := "/Users/" + s.user("alice")
		s.do("PATCH", alice, patchJSON(`{"op":"add","path":"emails","value":`+manyEmails()+`}`)).answers(200)
		costly := patchJSON(removeEmails(limits.PatchComparisons/limits.Values + 1))

		release := s.holdScan()
		s.do("PATCH", alice, patchJSON(removeEmails(limits.PatchComparisons/limits.Values))).answers(200)
		s.do("PATCH", alice, patchJSON(`{"op":"replace","path":"active","value":"False"}`)).answers(200).has("active", false)
		s.do("PATCH", alice, costly).refuses(429, "").sends("Retry-After", "1")
		s.bulk("429 200",
			`{"method":"PATCH","path":"`+alice+`","data":`+costly+`}`,
			`{"method":"PATCH","path":"`+alice+`","data":`+patchJSON(`{"op":"replace","path":"active","value":true}`)+`}`)
		release()

		s.do("PATCH", alice, costly).answers(200)
		s.holdScan()() // the request has released it
	})
}

// directGroup creates a group past the service.
func (s *service) directGroup(displayName string, members ...string) string {
	s.t.Helper()
	r, err := s.store.Create(s.t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, displayName), members)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.ID
}

// crowd creates as many users as make a group large.
func (s *service) crowd() []string {
	users := make([]string, limits.EchoedMembers+1)
	for i := range users {
		users[i] = s.directUser(fmt.Sprintf("user%d", i))
	}
	return users
}

// A request that reads as many members as a scan reads users waits for the place of a scan.
func TestReadingManyMembersIsAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		users := s.crowd()
		large, small := "/Groups/"+s.directGroup("Large", users...), "/Groups/"+s.directGroup("Small", users[0])

		release := s.holdScan()
		s.do("GET", large, "").refuses(429, "").sends("Retry-After", "1")
		s.do("GET", large, "", "If-None-Match: x").refuses(429, "")
		s.do("GET", "/Groups", "").refuses(429, "")
		s.do("GET", "/Groups?attributes=meta.version", "").refuses(429, "")
		for _, request := range []struct{ method, body string }{
			{"PATCH", patchJSON(`{"op":"replace","path":"displayName","value":"Larger"}`)}, {"PUT", `{"displayName":"Larger"}`}, {"DELETE", ""},
		} {
			s.do(request.method, large, request.body, "If-Match: x").refuses(429, "")
			s.do(request.method, small, request.body, "If-Match: x").refuses(412, "")
		}
		s.do("GET", small, "").answers(200)
		s.do("GET", large+"?excludedAttributes=members", "").answers(200)
		s.do("GET", "/Groups?excludedAttributes=members", "").answers(200)
		s.do("PATCH", large, patchJSON(`{"op":"remove","path":"members[value eq \"`+users[0]+`\"]"},{"op":"add","path":"members","value":"`+users[0]+`"}`)).answers(204)
		release()

		for _, path := range []string{large, "/Groups", "/Groups?attributes=meta.version"} {
			s.do("GET", path, "").answers(200)
			s.do("HEAD", path, "").answers(200)
		}
		s.holdScan()() // the requests have released it
	})
}

// What is stored is not refused any more: the response waits for the place for as long as it takes.
func TestAChangeIsAnsweredAfterTheScansBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		users := s.crowd()
		large := "/Groups/" + s.directGroup("Large", users...)
		time.AfterFunc(time.Minute, s.holdScan())
		s.do("PUT", large, `{"displayName":"Larger"}`).answers(200).has("members", len(users))
		time.AfterFunc(time.Minute, s.holdScan())
		s.bulk("200", `{"method":"PUT","path":"`+large+`","data":{"displayName":"Largest"}}`)
		s.holdScan()()
	})
}

// A page of groups that are not large on their own is written in parts too.
func TestALongPageIsAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		users := s.crowd()[1:]
		for i := range 2 + limits.SmallPage/(100*len(users)) { // 100 bytes for each member, and more
			s.directGroup(fmt.Sprint("Group ", i), users...)
		}
		release := s.holdScan()
		s.do("GET", "/Groups", "").refuses(429, "")
		s.do("GET", "/Groups?count=1", "").answers(200).has("Resources.0.members", len(users))
		release()
		s.do("GET", "/Groups", "").answers(200).sends("Content-Length", "").has("Resources.3.members", len(users))
	})
}

// slowReader is a client that another request of its directory does not wait for.
type slowReader struct {
	*httptest.ResponseRecorder
	store  scim.Store
	errors []error
	parts  int
}

func (r *slowReader) Write(p []byte) (int, error) {
	r.parts++
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	release, err := r.store.AcquireScan(ctx)
	if err != nil {
		r.errors = append(r.errors, err)
	} else {
		release()
	}
	return r.ResponseRecorder.Write(p)
}

// The place is for what costs processor time. A client that reads slowly does not keep it.
func TestAResponseDoesNotHoldThePlaceWhileItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		large := "/Groups/" + s.directGroup("Large", s.crowd()...)
		for _, path := range []string{large, "/Groups"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/scim/v2"+path, http.NoBody)
			r.Header.Set("Authorization", "Bearer "+token)
			w := &slowReader{ResponseRecorder: httptest.NewRecorder(), store: s.store}
			s.handler.ServeHTTP(w, r)
			if len(w.errors) > 0 || w.parts < 4 || w.Code != http.StatusOK {
				t.Errorf("%s: %d in %d parts: %v", path, w.Code, w.parts, w.errors)
			}
		}
	})
}
