package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// noticeAt returns the notice that a session sees at an address, some time after noon.
func noticeAt(t *testing.T, address, csrf string, later time.Duration) string {
	t.Helper()
	plain := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	return (&request{Request: plain, Session: &Session{CSRFToken: csrf}, now: noon.Add(later)}).notice()
}

// A link of another page cannot say that something was done, and an old address does not say it again.
func TestNoticeIsOfTheSessionAndOfNow(t *testing.T) {
	r := &request{Session: &Session{CSRFToken: "secret"}, now: noon}
	address := r.finished("/directories/acme/users/ada", "disabled.true").redirect
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		address, csrf string
		later         time.Duration
		want          string
	}{
		"after the action":                    {address, "secret", time.Second, text("done.disabled.true")},
		"at a replica whose clock is behind":  {address, "secret", -time.Minute, text("done.disabled.true")},
		"loaded again later":                  {address, "secret", noticeLife + time.Second, ""},
		"of another session":                  {address, "other", time.Second, ""},
		"of no session":                       {address, "", time.Second, ""},
		"a text alone":                        {"/?done=disabled.true", "secret", time.Second, ""},
		"another text with the seal of a one": {"/?done=" + url.QueryEscape("deleted"+parsed.Query().Get("done")[len("disabled.true"):]), "secret", time.Second, ""},
		"nothing":                             {"/", "secret", time.Second, ""},
	} {
		if got := noticeAt(t, c.address, c.csrf, c.later); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}

// A name is part of the seal, whatever is in it.
func TestNoticeNamesAnObject(t *testing.T) {
	r := &request{Session: &Session{CSRFToken: "secret"}, now: noon}
	name := "a.b=c@example.com"
	address := r.finishedAbout("/directories/acme/users", "deletedUser", name).redirect
	if got, want := noticeAt(t, address, "secret", 0), text("done.deletedUser", name); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := noticeAt(t, strings.Replace(address, "example", "another", 1), "secret", 0); got != "" {
		t.Errorf("another name has the seal of the first: %q", got)
	}
}

// What is sealed for one use is not sealed for another, and values do not run into each other.
func TestSealIsOfItsValues(t *testing.T) {
	s := &Session{CSRFToken: "secret"}
	seal := s.seal("round", "acme", "x")
	if !s.hasSealed(seal, "round", "acme", "x") {
		t.Error("a seal is not that of its values")
	}
	for _, values := range [][]string{{"notice", "acme", "x"}, {"round", "acmex"}, {"round", "acme"}, {"round", "acm", "ex"}, {"round", "acme", "x", ""}} {
		if s.hasSealed(seal, values...) {
			t.Errorf("%q has the seal of others", values)
		}
	}
	if (&Session{}).hasSealed((&Session{}).seal("round"), "round") {
		t.Error("a session without a secret has sealed something")
	}
}
