//go:build console

package console_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/net/html"
)

// visitor is a person at a console, who sends what a browser sends, and runs no scripts.
type visitor struct {
	*console
	http *http.Client
	// csrf is the token of the last form that the visitor was shown.
	csrf string
}

// signIn starts a console as a person, and opens the address that it shows.
func signIn(ctx context.Context, p person, arguments ...string) *visitor {
	GinkgoHelper()
	v := newVisitor(open(p, arguments...))
	Expect(v.logIn(ctx).StatusCode).To(Equal(http.StatusOK))
	Expect(v.get(ctx, "/").Request.URL.Path).To(Equal(directory("")))
	return v
}

// logIn opens the address that the console shows. The page that it gets leads to the pages of the console.
func (v *visitor) logIn(ctx context.Context, changes ...func(*http.Request)) *answer {
	GinkgoHelper()
	return v.send(ctx, http.MethodGet, strings.TrimPrefix(v.login, v.root), nil, changes...)
}

// newVisitor returns a visitor of a console who is not logged in.
func newVisitor(c *console) *visitor {
	GinkgoHelper()
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	v := &visitor{console: c, http: &http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{}}}
	DeferCleanup(v.http.CloseIdleConnections)
	return v
}

// get opens an address of the console, such as directory("users"), and follows redirections.
func (v *visitor) get(ctx context.Context, path string) *answer {
	GinkgoHelper()
	return v.send(ctx, http.MethodGet, path, nil)
}

// post sends a form with the CSRF token of the last form that the visitor was shown, whether or not a page has such a form, and
// follows redirections. See submit for a form that a page has.
func (v *visitor) post(ctx context.Context, path string, form url.Values) *answer {
	GinkgoHelper()
	values := url.Values{csrfField: {v.csrf}}
	for name, value := range form {
		values[name] = value
	}
	return v.send(ctx, http.MethodPost, path, values)
}

// csrfField is the field of a form that has the token.
const csrfField = "csrf"

// send sends a request as the console's own pages do. changes are made to it at last.
func (v *visitor) send(ctx context.Context, method, path string, form url.Values, changes ...func(*http.Request)) *answer {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, v.root+path, strings.NewReader(form.Encode()))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		request.Header.Set("Origin", v.root)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, change := range changes {
		change(request)
	}
	response, err := v.http.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	page, err := html.Parse(strings.NewReader(string(body)))
	Expect(err).NotTo(HaveOccurred())
	a := &answer{Response: response, body: string(body), page: page, visitor: v}
	for _, field := range a.all("input", "name", csrfField) {
		v.csrf = attribute(field, "value")
	}
	return a
}
