package console

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
)

// startGuard serves a handler that changes something behind a guard, and returns the guard and how often the handler was reached.
func startGuard(t *testing.T) (g *guard, reached *int) {
	t.Helper()
	reached = new(int)
	server := httptest.NewUnstartedServer(nil)
	g = newGuard(server.Listener.Addr().String(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *reached++ }))
	server.Config.Handler = g
	server.Start()
	t.Cleanup(server.Close)
	return g, reached
}

// newBrowser returns a client that keeps cookies, as a browser does.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// send sends a request, and returns the status and the body of the answer.
func send(t *testing.T, browser *http.Client, method, url string, change func(*http.Request)) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestTheFirstBrowserAloneGetsIn(t *testing.T) {
	g, reached := startGuard(t)
	first, second := newBrowser(t), newBrowser(t)
	if status, _ := send(t, first, http.MethodGet, g.loginURL(), nil); status != http.StatusOK || *reached != 1 {
		t.Fatalf("the first browser got %d", status)
	}
	if status, body := send(t, second, http.MethodGet, "http://"+g.host+loginPath+"?"+secretName+"="+g.cookie, nil); status != http.StatusUnauthorized || !strings.Contains(body, wrongLogin) {
		t.Errorf("a second login got %d %q", status, body)
	}
	if status, _ := send(t, second, http.MethodGet, "http://"+g.host+"/", nil); status != http.StatusUnauthorized || *reached != 1 {
		t.Errorf("a program without the cookie got %d", status)
	}
}

func TestAnEmptySecretIsNone(t *testing.T) {
	g, reached := startGuard(t)
	browser := newBrowser(t)
	send(t, browser, http.MethodGet, g.loginURL(), nil)
	*reached = 0
	for _, url := range []string{"http://" + g.host + loginPath, "http://" + g.host + loginPath + "?" + secretName + "="} {
		if status, _ := send(t, newBrowser(t), http.MethodGet, url, nil); status != http.StatusUnauthorized || *reached != 0 {
			t.Errorf("%s got %d", url, status)
		}
	}
}

func TestPagesOfOthersAreKeptOut(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"rebound to this address": func(r *http.Request) { r.Host = "evil.example:80" },
		"localhost":               func(r *http.Request) { r.Host = strings.Replace(r.Host, "127.0.0.1", "localhost", 1) },
		"of another origin":       func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"of another site":         func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"of another port":         func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"with a planted cookie": func(r *http.Request) {
			r.Header.Set("Cookie", cookieName+"=planted")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, reached := startGuard(t)
			browser := newBrowser(t)
			send(t, browser, http.MethodGet, g.loginURL(), nil)
			*reached = 0
			if name == "with a planted cookie" {
				browser = newBrowser(t)
			}
			if status, _ := send(t, browser, http.MethodPost, "http://"+g.host+"/", change); status < 400 || *reached != 0 {
				t.Errorf("a POST got %d", status)
			}
		})
	}
}

func TestTheCookieIsForThisSiteAndNoScript(t *testing.T) {
	g, _ := startGuard(t)
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, g.loginURL(), nil)
	g.ServeHTTP(recorder, request)
	cookies := recorder.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Value == "" {
		t.Errorf("the cookie is %v", cookies)
	}
	if strings.Contains(recorder.Header().Get("Location"), "secret") {
		t.Error("the address of the page has the secret")
	}
}
