package pages

import (
	"net/url"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestBeginOfAPart(t *testing.T) {
	for address, want := range map[string]progress{
		"":                                    {Until: pageRows},
		"read=7&found=3&until=2":              {Until: pageRows}, // a first part has nothing before it
		"until=300":                           {Until: 300},
		"continue=x":                          {Until: 1},
		"continue=x&read=7&found=3&until=200": {Read: 7, Found: 3, Until: 200},
		"continue=x&read=-7&found=much":       {Until: 1},
		"continue=x&read=7&found=300&until=2": {Read: 7, Found: 300, Until: 301},
	} {
		query, err := url.ParseQuery(address)
		if err != nil {
			t.Fatal(err)
		}
		if token, got := beginOf(query, pageRows); got != want || token != query.Get("continue") {
			t.Errorf("%q: got %q, %+v, want %+v", address, token, got, want)
		}
	}
}

func TestRestOfAList(t *testing.T) {
	part := func(next string, found int64, goesOn bool) chunk[int] {
		return chunk[int]{Next: next, Progress: progress{Read: 500, Found: found, Until: 100}, Remaining: 1500, GoesOn: goesOn, Part: pageRows}
	}
	for _, c := range []struct {
		what         string
		chunk        chunk[int]
		query, whole string
		read, total  int64
		goesOn       bool
	}{
		{"the end", part("", 3, false), "", "", 500, 2000, false},
		{"the end of a search", part("", 3, true), "", "", 500, 2000, false},
		{"a search", part("x", 3, true), "continue=x&found=3&q=a&read=500&until=100", "q=a&until=100", 500, 2000, true},
		{"a search that has found enough", part("x", 120, false), "continue=x&found=120&q=a&read=500&until=220", "q=a&until=220", 500, 2000, false},
		{"a list that is not counted", chunk[int]{Next: "x", Remaining: 7}, "continue=x&q=a", "q=a", 0, 0, false},
	} {
		rest := restOf(c.chunk, "/users", "q", "a", "state", "")
		if string(rest.Query) != c.query || string(rest.Whole) != c.whole || rest.Read != c.read || rest.Total() != c.total || rest.GoesOn != c.goesOn {
			t.Errorf("%s: got %q, %q, %d of about %d, goes on %v", c.what, rest.Query, rest.Whole, rest.Read, rest.Total(), rest.GoesOn)
		}
	}
}

// An address in an attribute is escaped once: its parts stay apart.
func TestRestIsALink(t *testing.T) {
	list := userList{Rows: chunk[*v1alpha1.CloudSSOUser]{Next: "t&k", Remaining: -1}, Query: userQuery{Text: "a&b\"<"}}
	html, err := (&view{template: "users", part: "rows", Namespace: "acme", Data: list}).render()
	if err != nil {
		t.Fatal(err)
	}
	if want := `href="/directories/acme/users?continue=t%26k&amp;q=a%26b%22%3C" hx-get="/directories/acme/users/rows?continue=t%26k&amp;q=a%26b%22%3C"`; !strings.Contains(string(html), want) {
		t.Errorf("%s has not %s", html, want)
	}
}

func TestCommonTextIsReadInSmallerParts(t *testing.T) {
	for _, c := range []struct {
		read, found int
		want        int64
	}{{100, 0, 500}, {100, 20, 500}, {100, 21, 100}, {500, 500, 100}, {0, 0, 500}} {
		if got := nextLimit(c.read, c.found); got != c.want {
			t.Errorf("%d of %d: got %d, want %d", c.found, c.read, got, c.want)
		}
	}
}
