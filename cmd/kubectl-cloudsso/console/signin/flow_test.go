package signin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

func TestLocalAddress(t *testing.T) {
	for _, text := range []string{"/", "/directories/acme/", "/directories/acme/users?search=a%2Fb&done=x", "/a//b"} {
		if got := localAddress(text); got != text {
			t.Errorf("%q leads to %q", text, got)
		}
	}
	for _, text := range []string{
		"", "x", "//evil.example", "///evil.example", "https://evil.example", "https:/evil", `/\evil.example`, `\\evil.example`,
		"/\tx", "/\n//evil.example", "javascript:alert(1)", "mailto:a@b", "//a@evil.example", "?x", "/" + strings.Repeat("a", maxTo),
	} {
		if got := localAddress(text); got != "/" {
			t.Errorf("%q leads to %q", text, got)
		}
	}
}

func TestErrorCode(t *testing.T) {
	for text, want := range map[string]string{"access_denied": "access_denied", "": "", "alice@example.com": "", "a b": ""} {
		if got := errorCode(text); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestReasonsNameNoPerson(t *testing.T) {
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "selfsubjectreviews"}, "", errors.New(`User "alice@example.com" cannot create`))
	if got := reasonOf(fmt.Errorf("%w: %w", errAPIServer, refused)); got != "the API server has answered 403 Forbidden" {
		t.Errorf("the log has %q", got)
	}
	if got := reasonOf(errNonce); got != errNonce.Error() {
		t.Errorf("the log has %q", got)
	}
}

// Only a server that has not answered does not answer.
func TestWordsOfTheAPIServerAreShown(t *testing.T) {
	s := &SignIn{Options: Options{Log: slog.New(slog.DiscardHandler)}}
	reviews := schema.GroupResource{Group: "authentication.k8s.io", Resource: "selfsubjectreviews"}
	for want, err := range map[string]error{
		`403 selfsubjectreviews.authentication.k8s.io is forbidden: User &#34;alice&#34; cannot create`: apierrors.NewForbidden(reviews, "", errors.New(`User "alice" cannot create`)),
		`429 too many requests, please try again later`:                                                 apierrors.NewTooManyRequests("too many requests, please try again later", 1),
		`500 Internal error occurred: etcdserver: no leader`:                                            apierrors.NewInternalError(errors.New("etcdserver: no leader")),
		`502 The API server does not answer, so the console cannot tell who you are.`:                   &url.Error{Op: "Post", URL: "https://kubernetes", Err: syscall.ECONNREFUSED},
	} {
		w := httptest.NewRecorder()
		s.refuse(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, callbackPath, nil), signInAddress("/"), fmt.Errorf("%w: %w", errAPIServer, err))
		status, words, _ := strings.Cut(want, " ")
		if strconv.Itoa(w.Code) != status || !strings.Contains(w.Body.String(), words) {
			t.Errorf("want %s, got %d %s", want, w.Code, w.Body)
		}
	}
}

func TestOnlyNavigationsLeadToTheSignIn(t *testing.T) {
	for _, tt := range []struct {
		mode, accept string
		want         bool
	}{
		{"navigate", "text/html", true},
		{"navigate", "", true},
		{"cors", "text/html", false},
		{"no-cors", "image/*", false},
		{"", "text/html,application/xhtml+xml", true},
		{"", "text/event-stream", false},
		{"", "", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/directories/acme/", nil)
		r.Header.Set("Sec-Fetch-Mode", tt.mode)
		r.Header.Set("Accept", tt.accept)
		if got := isNavigation(r); got != tt.want {
			t.Errorf("%q %q: %v", tt.mode, tt.accept, got)
		}
	}
}

func TestPageOfARequestIsOfTheConsole(t *testing.T) {
	for text, want := range map[string]string{
		"https://console.example.com/directories/acme/users?q=a": "/directories/acme/users?q=a",
		"https://evil.example//evil.example/":                    "/",
		"javascript:alert(1)":                                    "/",
		"":                                                       "/",
		"%":                                                      "/",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("HX-Current-URL", text)
		if got := pageOf(r); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestURLOfTheConsole(t *testing.T) {
	for text, want := range map[string]bool{
		"https://console.example.com": true, "https://console.example.com:8443/": true,
		"http://console.example.com": false, "https://": false, "https://console.example.com/console": false, "console.example.com": false,
	} {
		address, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(Options{URL: address, Keys: []byte(key(1)), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLifeOfASession(t *testing.T) {
	now := time.Date(2027, 1, 31, 8, 0, 0, 0, time.UTC)
	hour := tokens{idToken: "one", subject: "s", expires: now.Add(time.Hour)}
	renewable := hour
	renewable.refreshToken = "r"
	for _, tt := range []struct {
		name          string
		tokens        tokens
		after         time.Duration
		valid, renews bool
	}{
		{"at first", hour, 0, true, false},
		{"at its expiry", hour, time.Hour, false, false},
		{"with a refresh token, before its expiry", renewable, time.Hour - 10*time.Second, true, true},
		{"with a refresh token, after its expiry", renewable, 2 * time.Hour, false, true},
		{"with a refresh token, at the end of the session", renewable, maxSession, false, false},
	} {
		s := newSession(tt.tokens, "p", now)
		at := now.Add(tt.after)
		if s.isValid(at) != tt.valid || s.needsRenewal(at) != tt.renews {
			t.Errorf("%s: valid %v, renews %v", tt.name, s.isValid(at), s.needsRenewal(at))
		}
	}
	long := newSession(tokens{expires: now.Add(24 * time.Hour)}, "p", now)
	if long.isValid(now.Add(maxSession)) {
		t.Error("a long-lived ID token makes a session longer than a day")
	}
	s := newSession(renewable, "p", now)
	csrf, ends := s.CSRFToken, s.Ends
	s.take(tokens{idToken: "two", subject: "s", refreshToken: "r2", expires: now.Add(2 * time.Hour)})
	if s.CSRFToken != csrf || !s.Ends.Equal(ends) || s.IDToken != "two" || s.RefreshToken != "r2" {
		t.Errorf("renewed to %+v", s)
	}
}

func TestExchangesHaveARate(t *testing.T) {
	issuer, err := oidcissuer.Start(t.Context(), t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuer.Stop() })
	ca, err := os.ReadFile(issuer.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := ParseCA(ca)
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(ProviderOptions{Issuer: issuer.URL, ClientID: "c", CA: pool}, "https://console.example.com", time.Now)
	if _, err := p.exchange(t.Context(), "invented", &attempt{}); err == nil || errors.Is(err, errTooMany) {
		t.Errorf("the first exchange: %v", err)
	}
	p.limiter.SetBurst(0)
	if _, err := p.exchange(t.Context(), "invented", &attempt{}); !errors.Is(err, errTooMany) {
		t.Errorf("an exchange beyond the rate: %v", err)
	}
}
