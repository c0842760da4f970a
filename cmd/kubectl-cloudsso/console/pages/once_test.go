package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// sent returns the request of a form that has a name, from a browser with a cookie.
func sent(t *testing.T, name string, cookie *http.Cookie) *request {
	t.Helper()
	form := url.Values{onceField: {name}}
	plain := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form.Encode()))
	plain.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != nil {
		plain.AddCookie(cookie)
	}
	return &request{Request: plain, Session: &Session{}}
}

func TestFormIsCarriedOutOnce(t *testing.T) {
	for _, tls := range []bool{false, true} {
		c := &console{Options: Options{TLS: tls}}
		first := newOnce()
		if c.isCarriedOut(sent(t, first, nil)) {
			t.Error("a new form was carried out")
		}
		cookie := c.remember(sent(t, first, nil))
		if cookie.Secure != tls || !cookie.HttpOnly || strings.HasPrefix(cookie.Name, "__Host-") != tls {
			t.Errorf("the cookie is %s", cookie)
		}
		for range maxOnce - 1 {
			cookie = c.remember(sent(t, newOnce(), cookie))
		}
		if !c.isCarriedOut(sent(t, first, cookie)) {
			t.Error("a form that was carried out is a new one")
		}
		cookie = c.remember(sent(t, newOnce(), cookie))
		if c.isCarriedOut(sent(t, first, cookie)) {
			t.Error("a browser remembers more forms than it should")
		}
		if c.isCarriedOut(sent(t, "", &http.Cookie{Name: c.onceCookie()})) {
			t.Error("a form without a name was carried out")
		}
		if len(cookie.String()) > 1000 {
			t.Errorf("the cookie has %d bytes", len(cookie.String()))
		}
	}
}
