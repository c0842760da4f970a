package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// names returns the userNames and displayNames of a list in its order.
func (r *reply) names() []string {
	r.t.Helper()
	var names []string
	list, _ := r.at("Resources").([]any)
	for _, item := range list {
		name := valueAt(item, "userName")
		if name == nil {
			name = valueAt(item, "displayName")
		}
		names = append(names, fmt.Sprint(name))
	}
	return names
}

func (r *reply) lists(want ...string) *reply {
	r.t.Helper()
	if got := r.names(); !slices.Equal(got, want) {
		r.t.Errorf("got %q, want %q", got, want)
	}
	return r
}

// createSortedUsers creates users whose order differs from attribute to attribute, and returns their ids by
// userName.
func createSortedUsers(s *service) map[string]string {
	ids := map[string]string{}
	for _, body := range []string{
		`{"userName":"carol","title":"b","active":false,"emails":[{"value":"z@example.com"},{"value":"A@example.com","primary":true}]}`,
		`{"userName":"Bob","title":"A","name":{"familyName":"Young"},"emails":[{"value":"m@example.com"}]}`,
		`{"userName":"alice","externalId":"B"}`,
		`{"userName":"dave","title":"C","externalId":"a","emails":[{"value":"b@example.com"},{"value":"c@example.com"}]}`,
	} {
		r := s.do("POST", "/Users", body).answers(201)
		ids[r.text("userName")] = r.id()
	}
	return ids
}

func TestSorting(t *testing.T) {
	s := newService(t)
	createSortedUsers(s)
	for _, c := range []struct {
		query string
		want  string
	}{
		{"", "carol Bob alice dave"},
		{"sortBy=userName", "alice Bob carol dave"},
		{"sortBy=USERNAME&sortOrder=Ascending", "alice Bob carol dave"},
		{"sortBy=userName&sortOrder=descending", "dave carol Bob alice"},
		{"sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName", "alice Bob carol dave"},
		{"sortBy=title", "Bob carol dave alice"},
		{"sortBy=title&sortOrder=descending", "alice dave carol Bob"},
		{"sortBy=externalId", "alice dave carol Bob"}, // externalId is caseExact: B comes before a
		{"sortBy=name.familyName", "Bob carol alice dave"},
		{"sortBy=emails", "carol dave Bob alice"}, // by the primary value, or else the first
		{"sortBy=emails.value", "carol dave Bob alice"},
		{"sortBy=active", "carol Bob alice dave"},
		{"sortBy=meta.created&sortOrder=descending", "dave alice Bob carol"},
		{"sortBy=id&sortOrder=descending", "dave alice Bob carol"},
		{"sortBy=" + enterprise + ":department", "carol Bob alice dave"},
		{"sortBy=userName&filter=" + url.QueryEscape(`title pr`), "Bob carol dave"},
	} {
		s.do("GET", "/Users?"+c.query, "").answers(200).lists(strings.Fields(c.want)...)
		for i, want := range strings.Fields(c.want) { // the pages are parts of the same order
			s.do("GET", fmt.Sprintf("/Users?%s&startIndex=%d&count=1", c.query, i+1), "").answers(200).lists(want)
		}
	}
	s.do("GET", "/Users?sortBy=nothing", "").refuses(400, "invalidPath", "sortBy", "nothing")
	s.do("GET", "/Users?sortBy=userName&sortOrder=up", "").refuses(400, "invalidValue", "sortOrder", "up")
}

func TestCursors(t *testing.T) {
	s := newService(t)
	ids := createSortedUsers(s)
	for _, c := range []struct{ query, want string }{
		{"", "carol Bob alice dave"},
		{"sortBy=title", "Bob carol dave alice"},
		{"sortBy=title&sortOrder=descending", "alice dave carol Bob"},
		{"sortBy=active", "carol Bob alice dave"},
		{"filter=" + url.QueryEscape(`userName co "a"`), "carol alice dave"},
		{"sortBy=userName&filter=" + url.QueryEscape(`userName co "a"`), "alice carol dave"},
	} {
		want := strings.Fields(c.want)
		for count := 1; count <= len(want)+1; count++ {
			var got []string
			query := fmt.Sprintf("/Users?%s&count=%d&cursor", c.query, count)
			cursor := ""
			for range len(want) + 1 {
				r := s.do("GET", query+"="+cursor, "").answers(200).has("totalResults", len(want)).has("startIndex", nil)
				got = append(got, r.names()...)
				if r.at("nextCursor") == nil {
					break
				}
				cursor = r.text("nextCursor")
				if strings.ContainsFunc(cursor, func(c rune) bool { return !strings.ContainsRune(unreserved, c) }) {
					t.Errorf("the cursor %q needs escaping", cursor)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
	}

	t.Log("a user that is created or deleted moves no other user to another page")
	first := s.do("GET", "/Users?cursor&count=2", "").answers(200).lists("carol", "Bob")
	s.do("DELETE", "/Users/"+ids["Bob"], "").answers(204)
	s.user("erik")
	second := s.do("GET", "/Users?count=2&cursor="+first.text("nextCursor"), "").answers(200).lists("alice", "dave").has("totalResults", 4)
	s.do("GET", "/Users?count=2&cursor="+second.text("nextCursor"), "").answers(200).lists("erik").has("nextCursor", nil)

	t.Log("a request without a cursor gets none")
	s.do("GET", "/Users?count=2", "").answers(200).has("nextCursor", nil).has("startIndex", 1)

	cursor := first.text("nextCursor")
	s.do("GET", "/Users?sortBy=title&cursor="+cursor, "").refuses(400, "invalidCursor", "another query")
	for _, broken := range []string{"x", "%20", "bm90IEpTT04", "e30", cursor[:len(cursor)-4], cursor + "AA"} {
		s.do("GET", "/Users?cursor="+broken, "").refuses(400, "invalidCursor")
	}
	s.do("GET", "/Users?cursor&count=0", "").refuses(400, "invalidCount")
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func TestQueriesAtTheRoot(t *testing.T) {
	s := newService(t)
	createSortedUsers(s)
	staff := s.group("Staff")
	s.user("erik")
	for _, c := range []struct{ query, want string }{
		{"", "carol Bob alice dave Staff erik"},
		{"startIndex=4&count=2", "dave Staff"},
		{"startIndex=6", "erik"},
		{"startIndex=7", ""},
		{"filter=" + url.QueryEscape(`displayName eq "staff"`), "Staff"},
		{"filter=" + url.QueryEscape(`userName co "a"`), "carol alice dave"}, // a group has no userName
		{"filter=" + url.QueryEscape(`not (userName co "a")`), "Bob Staff erik"},
		{"filter=" + url.QueryEscape(`meta.resourceType eq "Group"`), "Staff"},
		{"filter=" + url.QueryEscape(`meta.resourceType eq "User" and title pr`), "carol Bob dave"},
		{"filter=" + url.QueryEscape(`schemas eq "urn:ietf:params:scim:schemas:core:2.0:Group" or userName eq "BOB"`), "Bob Staff"},
		{"filter=" + url.QueryEscape(`id eq "`+staff+`"`), "Staff"},
		{"sortBy=userName", "alice Bob carol dave erik Staff"},
		{"sortBy=displayName", "Staff carol Bob alice dave erik"},
		{"sortBy=userName&startIndex=2&count=3", "Bob carol dave"},
		{"sortBy=userName&sortOrder=descending&count=3", "Staff erik dave"},
	} {
		s.do("GET", "/?"+c.query, "").answers(200).lists(strings.Fields(c.want)...)
	}
	s.do("GET", "?count=0", "").answers(200).has("totalResults", 6).lists()
	var all []string
	for cursor := ""; ; {
		r := s.do("GET", "/?sortBy=userName&count=2&cursor="+cursor, "").answers(200).has("totalResults", 6)
		all = append(all, r.names()...)
		if r.at("nextCursor") == nil {
			break
		}
		cursor = r.text("nextCursor")
	}
	if want := strings.Fields("alice Bob carol dave erik Staff"); !slices.Equal(all, want) {
		t.Errorf("by cursor: %q, want %q", all, want)
	}
	s.do("GET", "/?attributes=displayName", "").answers(200).has("Resources.0.id", "id-1").has("Resources.0.title", nil)
	s.do("GET", "/?filter="+url.QueryEscape(`nothing eq "x"`), "").refuses(400, "invalidFilter", "nothing")
	s.do("GET", "/", "", "Authorization: ").refuses(401, "")
	s.do("DELETE", "/", "").refuses(405, "").sends("Allow", "GET, HEAD")
}

// The resources before startIndex are in memory, and a directory has a hundred thousand.
func TestAListOfAllTypesIsNotReadFromALateIndexOn(t *testing.T) {
	s := newService(t)
	s.user("alice")
	s.do("GET", fmt.Sprint("/?startIndex=", limits.RootIndex), "").answers(200).has("totalResults", 1)
	s.do("GET", fmt.Sprint("/?startIndex=", limits.RootIndex+1), "").refuses(400, "tooMany", "/Users and /Groups")
	s.do("POST", "/.search", fmt.Sprintf(`{"startIndex":%d}`, limits.RootIndex+1)).refuses(400, "tooMany")
	s.do("GET", fmt.Sprint("/Users?startIndex=", limits.RootIndex+1), "").answers(200).has("totalResults", 1)
}

func TestSearch(t *testing.T) {
	s := newService(t)
	createSortedUsers(s)
	s.group("Staff")
	const urn = `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
	for _, c := range []struct{ path, body, want string }{
		{"/Users/.search", `{` + urn + `}`, "carol Bob alice dave"},
		{"/Users/.search", `{` + urn + `,"filter":"userName sw \"a\"","attributes":["userName"]}`, "alice"},
		{"/Users/.search", `{"FILTER":"title pr","SortBy":"title","sortOrder":"descending","startIndex":2,"count":"1"}`, "carol"},
		{"/Users/.search", `{"filter":null,"count":1}`, "carol"},
		{"/Groups/.search", `{"excludedAttributes":"members"}`, "Staff"},
		{"/.search", `{` + urn + `,"filter":"displayName pr"}`, "Staff"},
		{"/.search", `{"count":2,"startIndex":4}`, "dave Staff"},
	} {
		s.do("POST", c.path, c.body).answers(200).has("schemas.0", "urn:ietf:params:scim:api:messages:2.0:ListResponse").lists(strings.Fields(c.want)...)
	}
	next := s.do("POST", "/.search", `{"cursor":"","count":4}`).answers(200).text("nextCursor")
	s.do("POST", "/.search", `{"cursor":"`+next+`","count":4}`).answers(200).lists("Staff").has("nextCursor", nil)
	s.do("POST", "/Users/.search", `{"attributes":["title"],"filter":"title eq \"A\""}`).answers(200).
		has("Resources.0.title", "A").has("Resources.0.userName", nil).has("Resources.0.active", nil)

	s.do("POST", "/Users/.search", `{"filter":"userName"}`).refuses(400, "invalidFilter")
	s.do("POST", "/Users/.search", `{"count":true}`).refuses(400, "invalidSyntax", "count")
	s.do("POST", "/Users/.search", `{"attributes":[1]}`).refuses(400, "invalidSyntax", "attributes")
	s.do("POST", "/Users/.search", `[]`).refuses(400, "invalidSyntax")
	s.do("POST", "/Users/.search", ``).refuses(400, "invalidSyntax", "no body")
	s.do("POST", "/.search", `{}`, "Content-Type: text/plain").refuses(415, "")
	s.do("POST", "/.search", `{}`, "Authorization: ").refuses(401, "")
	s.do("GET", "/Users/.search", "").refuses(405, "").sends("Allow", "POST")
}
