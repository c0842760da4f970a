package pages

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A form that makes a secret is carried out once: a browser that sends it again, because its page was loaded again or its person has
// gone back, gets no further secret, even if the first one was revoked since. The browser keeps which of its forms were carried out,
// because the console keeps nothing, and another replica may get the form.
const (
	// onceField is the field of such a form that names it.
	onceField = "once"
	// onceLife is how long a browser remembers a form: longer than a page stays open.
	onceLife = 30 * 24 * time.Hour
	// maxOnce is how many forms a browser remembers: those of the last secrets.
	maxOnce = 20
	// The cookie has a prefix where browsers keep it over TLS alone, so that no other host can plant one.
	onceCookie       = "cloudsso-console-forms"
	secureOnceCookie = "__Host-" + onceCookie
)

// newOnce returns the name of a form that has not been sent.
func newOnce() string { return rand.Text() }

func (c *console) onceCookie() string {
	if c.TLS {
		return secureOnceCookie
	}
	return onceCookie
}

// carriedOut returns the forms that the browser remembers, the latest last.
func (c *console) carriedOut(r *request) []string {
	cookie, err := r.Cookie(c.onceCookie())
	if err != nil {
		return nil
	}
	return strings.Split(cookie.Value, ".")
}

// isCarriedOut reports whether the form of a request was carried out before.
func (c *console) isCarriedOut(r *request) bool {
	name := r.PostFormValue(onceField)
	return name != "" && slices.Contains(c.carriedOut(r), name)
}

// remember returns the cookie by which the browser remembers that the form of a request was carried out.
func (c *console) remember(r *request) *http.Cookie {
	names := append(c.carriedOut(r), r.PostFormValue(onceField))
	names = names[max(0, len(names)-maxOnce):]
	return &http.Cookie{ //nolint:gosec // G124: without Secure on loopback, which has no TLS
		Name: c.onceCookie(), Value: strings.Join(names, "."), Path: "/", MaxAge: int(onceLife.Seconds()),
		Secure: c.TLS, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
