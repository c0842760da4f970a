package console

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// startGuard serves a handler that changes something behind a guard, and returns the guard and how often the handler was reached.
func startGuard(t *testing.T) (g *guard, reached *int) {
	t.Helper()
	g, reached, _ = startEndingGuard(t)
	return g, reached
}

// startEndingGuard is startGuard that also returns how often the guard has ended the console.
func startEndingGuard(t *testing.T) (g *guard, reached, ended *int) {
	t.Helper()
	reached, ended = new(int), new(int)
	server := httptest.NewUnstartedServer(nil)
	g = newGuard(server.Listener.Addr(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *reached++ }), func() { *ended++ })
	server.Config.Handler = g
	server.Start()
	t.Cleanup(server.Close)
	return g, reached, ended
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

// fromFile is what a browser says that follows a link in a file or of another site.
func fromFile(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }

func TestTheFirstBrowserAloneGetsIn(t *testing.T) {
	g, reached, ended := startEndingGuard(t)
	first, second := newBrowser(t), newBrowser(t)
	if status, body := send(t, first, http.MethodGet, g.loginURL(), fromFile); status != http.StatusOK || !strings.Contains(body, `content="0; url=/"`) {
		t.Fatalf("the first browser got %d %q", status, body)
	}
	if status, _ := send(t, first, http.MethodGet, g.root(), nil); status != http.StatusOK || *reached != 1 {
		t.Fatalf("the first browser got %d", status)
	}
	for _, secret := range []string{g.cookie, "", "GUESSED"} {
		if status, _ := send(t, second, http.MethodGet, g.root()+loginPath[1:]+"?"+secretName+"="+secret, nil); status != http.StatusUnauthorized {
			t.Errorf("a second login with %q got %d", secret, status)
		}
	}
	if status, _ := send(t, second, http.MethodGet, g.root(), nil); status != http.StatusUnauthorized || *reached != 1 || *ended != 0 {
		t.Errorf("a program without the cookie got %d", status)
	}
}

func TestTheSameBrowserMayOpenTheAddressAgain(t *testing.T) {
	g, _, ended := startEndingGuard(t)
	browser := newBrowser(t)
	send(t, browser, http.MethodGet, g.loginURL(), nil)
	if status, body := send(t, browser, http.MethodGet, g.loginURL(), nil); status != http.StatusOK || !strings.Contains(body, `content="0; url=/"`) || *ended != 0 {
		t.Errorf("the browser got %d %q", status, body)
	}
	// From a file, a browser does not send the cookie. From the page that it gets, it does.
	status, body := send(t, newBrowser(t), http.MethodGet, g.loginURL(), fromFile)
	if status != http.StatusOK || !strings.Contains(body, `content="0; url=`+loginPath+"?"+secretName+"="+g.secret+`"`) || *ended != 0 {
		t.Errorf("from a file, the browser got %d %q", status, body)
	}
}

func TestASecondBrowserEndsTheConsole(t *testing.T) {
	g, reached, ended := startEndingGuard(t)
	first, second := newBrowser(t), newBrowser(t)
	send(t, first, http.MethodGet, g.loginURL(), nil)
	if status, _ := send(t, second, http.MethodGet, g.loginURL(), nil); status != http.StatusUnauthorized || *ended != 1 {
		t.Errorf("the second browser got %d, and the console was ended %d times", status, *ended)
	}
	for name, browser := range map[string]*http.Client{"first": first, "second": second} {
		if status, _ := send(t, browser, http.MethodGet, g.root(), nil); status != http.StatusUnauthorized || *reached != 0 {
			t.Errorf("the %s browser got %d", name, status)
		}
	}
}

func TestTwoConsolesHaveTheirOwnCookies(t *testing.T) {
	one, reachedOne := startGuard(t)
	two, reachedTwo := startGuard(t)
	browser := newBrowser(t) // its cookies do not know ports
	send(t, browser, http.MethodGet, one.loginURL(), nil)
	send(t, browser, http.MethodGet, two.loginURL(), nil)
	send(t, browser, http.MethodGet, one.root(), nil)
	send(t, browser, http.MethodGet, two.root(), nil)
	if *reachedOne != 1 || *reachedTwo != 1 {
		t.Errorf("the consoles were reached %d and %d times", *reachedOne, *reachedTwo)
	}
}

func TestAPlantedCookieLocksNoBrowserOut(t *testing.T) {
	g, reached := startGuard(t)
	send(t, newBrowser(t), http.MethodGet, g.loginURL(), nil)
	status, _ := send(t, newBrowser(t), http.MethodGet, g.root(), func(r *http.Request) {
		r.Header.Set("Cookie", g.cookieName+"=planted; "+g.cookieName+"="+g.cookie)
	})
	if status != http.StatusOK || *reached != 1 {
		t.Errorf("the browser got %d", status)
	}
}

func (g *guard) root() string { return "http://" + g.host + "/" }

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
		"with a planted cookie":   func(*http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			g, reached := startGuard(t)
			browser := newBrowser(t)
			send(t, browser, http.MethodGet, g.loginURL(), nil)
			*reached = 0
			if name == "with a planted cookie" {
				browser = newBrowser(t)
				change = func(r *http.Request) { r.Header.Set("Cookie", g.cookieName+"=planted") }
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
	if recorder.Header().Get("Referrer-Policy") != "no-referrer" || recorder.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("the headers are %v", recorder.Header())
	}
}

func TestTheFileWithTheAddressIsReadByThePersonAlone(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file, remove, err := writeOnward("http://127.0.0.1:1/login?secret=S")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(content), `content="0; url=http://127.0.0.1:1/login?secret=S"`) {
		t.Errorf("the file has %q, %v", content, err)
	}
	for path, want := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	remove()
	if _, err := os.Stat(filepath.Dir(file)); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
}
