package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"sync"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
)

const (
	// cookieName begins the name of the cookie. The port follows, because a browser sends the cookies of a host to each of its ports,
	// and a second console must not overwrite the cookie of the first.
	cookieName = "cloudsso-console-"
	// The path and the parameter that give the cookie out.
	loginPath  = "/login"
	secretName = "secret"
)

// guard passes the requests of the browser that was given the secret, and of no other program or page. Loopback is open to each
// local process, and through DNS rebinding to each web page.
type guard struct {
	host       string // host and port, as the browser sends them
	cookieName string
	secret     string
	cookie     string
	inner      http.Handler
	// end ends the console. It is called if a second browser has the secret.
	end func()

	mu    sync.Mutex
	state guardState
}

// guardState is how far the secret is used.
type guardState int

const (
	unused guardState = iota
	used
	// usedTwice is after a second browser had the secret. One of the two is a stranger, and the console cannot tell which, so the
	// cookie is void.
	usedTwice
)

func newGuard(address net.Addr, inner http.Handler, end func()) *guard {
	_, port, _ := net.SplitHostPort(address.String()) // the address of a listener has a port
	return &guard{
		host: address.String(), cookieName: cookieName + port, secret: rand.Text(), cookie: rand.Text(),
		inner: pages.RefuseOtherOrigins(inner), end: end,
	}
}

// loginURL returns the address that gives the cookie to the first browser that opens it.
func (g *guard) loginURL() string {
	return "http://" + g.host + loginPath + "?" + secretName + "=" + g.secret
}

// ServeHTTP checks Host first, so that a page that was rebound to this address learns nothing.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Host != g.host:
		pages.Refuse(w, r, http.StatusMisdirectedRequest, "wrongHost")
	case r.URL.Path == loginPath && r.Method == http.MethodGet:
		g.login(w, r)
	case !g.knows(r):
		pages.Refuse(w, r, http.StatusUnauthorized, "noLogin")
	default:
		g.inner.ServeHTTP(w, r)
	}
}

// login gives the cookie out, once. The cookie is new, so that one that was planted before is worth nothing.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	switch {
	case !isEqual(r.URL.Query().Get(secretName), g.secret):
		pages.Refuse(w, r, http.StatusUnauthorized, "wrongLogin")
	case g.knows(r):
		pages.LeadTo(w, r, "/")
	case g.use():
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: without Secure, because loopback has no TLS
			Name: g.cookieName, Value: g.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		pages.LeadTo(w, r, "/")
	case r.Header.Get("Sec-Fetch-Site") == "cross-site": // a link of another site, or a file: the cookie is sent from a page of this site only
		pages.LeadTo(w, r, r.URL.RequestURI())
	default:
		g.void()
		pages.Refuse(w, r, http.StatusUnauthorized, "usedTwice")
	}
}

// use reports whether the secret was unused, and uses it.
func (g *guard) use() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != unused {
		return false
	}
	g.state = used
	return true
}

// void makes the cookie worth nothing, and ends the console.
func (g *guard) void() {
	g.mu.Lock()
	g.state = usedTwice
	g.mu.Unlock()
	g.end()
}

// knows reports whether a request has the cookie. A page of another port can plant a second one of the same name before it.
func (g *guard) knows(r *http.Request) bool {
	g.mu.Lock()
	valid := g.state == used
	g.mu.Unlock()
	for _, cookie := range r.CookiesNamed(g.cookieName) {
		if valid && isEqual(cookie.Value, g.cookie) {
			return true
		}
	}
	return false
}

// isEqual compares in constant time.
func isEqual(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
