package conversation

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	for _, test := range []struct {
		name, expected, answer string
		differs                string // part of the first difference; "" for none
	}{
		{"a part of an object", `{"a":1}`, `{"a":1,"b":2}`, ""},
		{"another value", `{"a":{"b":1}}`, `{"a":{"b":2}}`, "answer.a.b is 2, expected 1"},
		{"text is no boolean", `{"active":true}`, `{"active":"true"}`, "active"},
		{"null is not there", `{"a":null}`, `{}`, ""},
		{"null is null", `{"a":null}`, `{"a":null}`, ""},
		{"null is something", `{"a":null}`, `{"a":[]}`, "a is []"},
		{"an empty list", `{"a":[]}`, `{"a":[]}`, ""},
		{"an empty list is there", `{"a":[]}`, `{}`, "list of 0"},
		{"an empty list is not empty", `{"a":[]}`, `{"a":[1]}`, "list of 0"},
		{"a longer list", `[{"v":1}]`, `[{"v":1},{"v":2}]`, "list of 1"},
		{"another order", `[{"v":1},{"v":2}]`, `[{"v":2,"x":0},{"v":1}]`, ""},
		{"one value for two", `[{"v":1},{"v":1}]`, `[{"v":1},{"v":2}]`, "[1].v is 2"},
		{"the one that fits both is left to the other", `[{},{"v":1}]`, `[{"v":1},{"v":2}]`, ""},
		{"no object", `{"a":{}}`, `{"a":1}`, "expected an object"},
	} {
		found := Differences(parsed(t, test.expected), parsed(t, test.answer))
		if test.differs == "" && len(found) > 0 || test.differs != "" && (len(found) == 0 || !strings.Contains(found[0], test.differs)) {
			t.Errorf("%s: %q, expected %q", test.name, found, test.differs)
		}
	}
}

func parsed(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRequest(t *testing.T) {
	step := Step{
		Request: "PATCH /Groups/${id}?x=%20 HTTP/1.1\nAccept: */*\nAuthorization:\n\n{\"$ref\":null}\n",
		Headers: map[string]string{"Location": "${base}/Groups/${id}"},
		Body:    map[string]any{"list": []any{map[string]any{"value": "${id}"}}},
	}
	names := Names{"base": "https://sso.example.com", "id": "g-1"}
	s, err := names.In(step)
	if err != nil {
		t.Fatal(err)
	}
	if s.Headers["Location"] != "https://sso.example.com/Groups/g-1" || valueAt(s.Body, []string{"list", "0", "value"}) != "g-1" {
		t.Errorf("names were not replaced in %+v", s)
	}
	r, err := s.HTTP(t.Context(), "https://sso.example.com", "t0k3n", map[string]string{"Accept": "text/plain", "User-Agent": "", "Content-Type": "application/json"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != "PATCH" || r.URL.String() != "https://sso.example.com/Groups/g-1?x=%20" || r.ContentLength != int64(len(`{"$ref":null}`)) {
		t.Errorf("%s %s, %d bytes", r.Method, r.URL, r.ContentLength)
	}
	if expected := (http.Header{"Accept": {"*/*"}, "User-Agent": {""}, "Content-Type": {"application/json"}}); !maps.EqualFunc(r.Header, expected, equal) {
		t.Errorf("headers %v, expected %v", r.Header, expected)
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestNames(t *testing.T) {
	names := Names{}
	answer := parsed(t, `{"Resources":[{"id":"u-1"}],"total":1}`)
	if err := names.Keep(Step{Keep: map[string]string{"id": "Resources.0.id"}}, answer); err != nil || names["id"] != "u-1" {
		t.Errorf("kept %v: %v", names, err)
	}
	for _, path := range []string{"Resources.1.id", "Resources.x.id", "nothing", "total"} {
		if err := names.Keep(Step{Keep: map[string]string{"x": path}}, answer); err == nil {
			t.Errorf("%s was kept as %q", path, names["x"])
		}
	}
	if _, err := names.In(Step{Request: "GET /Users/${absent} HTTP/1.1"}); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("an unknown name gives %v", err)
	}
}

func TestIncompleteFilesAreRefused(t *testing.T) {
	const row = "- {sends: s, answer: a, source: x, steps: [{request: GET / HTTP/1.1, status: 200}]}"
	if _, err := parse([]byte("provider: p\nhandled: [f]\nrows:\n" + row)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"a member misspelt":   "provider: p\nhandled: [f]\nrow:\n" + row,
		"no provider":         "handled: [f]\nrows:\n" + row,
		"no file":             "provider: p\nrows:\n" + row,
		"no rows":             "provider: p\nhandled: [f]",
		"no source":           "provider: p\nhandled: [f]\nrows:\n" + strings.Replace(row, "source: x, ", "", 1),
		"no status":           "provider: p\nhandled: [f]\nrows:\n" + strings.Replace(row, ", status: 200", "", 1),
		"no request":          "provider: p\nhandled: [f]\nrows:\n" + strings.Replace(row, "GET / HTTP/1.1", "GET", 1),
		"an incomplete start": "provider: p\nhandled: [f]\nbefore: [{request: GET / HTTP/1.1}]\nrows:\n" + row,
	} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
