package server_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
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
