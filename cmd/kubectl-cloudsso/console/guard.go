package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
)

// The name of the cookie, and the path and parameter that give it out.
const (
	cookieName    = "cloudsso-console"
	loginPath     = "/login"
	secretName    = "secret"
	wrongLogin    = "This address has been used already, or is not the one that the terminal shows. Start kubectl cloudsso console again."
	noLogin       = "Open the address that kubectl cloudsso console shows in the terminal. Other programs of this machine, and other pages, may not use the console."
	wrongHost     = "The console answers at its own address only."
	strangeOrigin = "This request was sent by another page."
)

// guard passes the requests of the browser that was given the secret, and of no other program or page. Loopback is open to each
// local process, and through DNS rebinding to each web page.
type guard struct {
	host  string // host and port, as the browser sends them
	inner http.Handler

	mu     sync.Mutex
	secret string // "" once it was used
	cookie string
}

func newGuard(host string, inner http.Handler) *guard {
	return &guard{host: host, inner: http.NewCrossOriginProtection().Handler(inner), secret: rand.Text(), cookie: rand.Text()}
}

// loginURL returns the address that gives the cookie to the first browser that opens it.
func (g *guard) loginURL() string {
	return "http://" + g.host + loginPath + "?" + secretName + "=" + g.secret
}

// ServeHTTP checks Host first, so that a page that was rebound to this address learns nothing.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Host != g.host:
		http.Error(w, wrongHost, http.StatusMisdirectedRequest)
	case r.URL.Path == loginPath && r.Method == http.MethodGet:
		g.login(w, r)
	case !g.knows(r):
		http.Error(w, noLogin, http.StatusUnauthorized)
	default:
		g.inner.ServeHTTP(w, r)
	}
}

// login gives the cookie out, once. The cookie is new, so that one that was planted before is worth nothing.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	if !g.use(r.URL.Query().Get(secretName)) {
		http.Error(w, wrongLogin, http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: without Secure, because loopback has no TLS
		Name: cookieName, Value: g.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// use reports whether a secret is the one that has not been used, and uses it.
func (g *guard) use(secret string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.secret == "" || !isEqual(secret, g.secret) {
		return false
	}
	g.secret = ""
	return true
}

func (g *guard) knows(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName)
	return err == nil && isEqual(cookie.Value, g.cookie)
}

// isEqual compares in constant time.
func isEqual(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
