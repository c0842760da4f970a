package pages

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// Session is a person at the pages.
type Session struct {
	// Client acts as the person.
	Client client.Client
	// Config is that of Client, for what a Client cannot read: the logs of Pods.
	Config *rest.Config
	// Person is the name that the pages show; "" where there is one person only.
	Person string
	// CSRFToken is secret to the session. Each form sends it back.
	CSRFToken string
}

// request is a request of a person.
type request struct {
	*http.Request
	*Session
	now time.Time
}

// namespace returns the namespace of the directory; "" outside one.
func (r *request) namespace() string { return r.PathValue("namespace") }

// author returns the field manager of what the person writes.
func (r *request) author() client.FieldOwner { return plugin.Author(r.Context(), r.Client) }

// CSRFField is the field of each form that has the session's token.
const CSRFField = "csrf"

// isOwnForm reports whether a form was sent by a page of this session.
func (r *request) isOwnForm() bool {
	return subtle.ConstantTimeCompare([]byte(r.PostFormValue(CSRFField)), []byte(r.CSRFToken)) == 1
}

// maxForm limits a form: each has a few short fields.
const maxForm = 64 << 10

// page answers a request with what a template shows.
type page func(r *request) (*view, error)

// action carries out what a form asks for, and returns the view that shows the result: mostly redirected.
type action = page

// redirected returns a view that sends the browser to an address of the console.
func redirected(address string) *view { return &view{redirect: address} }

// isPart reports whether a script has sent the request, and puts the answer into its page.
func (r *request) isPart() bool { return r.Header.Get("HX-Request") != "" }

// act returns the handler of an action: it takes forms of the session's own pages only.
func (c *console) act(a action) http.HandlerFunc {
	inner := c.show(func(r *request) (*view, error) {
		if !r.isOwnForm() {
			return nil, errStrangeForm
		}
		return a(r)
	})
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		inner(w, r)
	}
}

// show returns the handler of a page. An error is a page too.
func (c *console) show(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, plain *http.Request) {
		r := &request{Request: plain, now: c.Now()}
		var v *view
		var err error
		if r.Session, err = c.Session(plain); err == nil {
			v, err = p(r)
		}
		if err != nil {
			v = r.failed(err)
		}
		v.complete(r)
		v.write(w, plain)
	}
}

// failed returns the view of an error. A part of a list gets a row, because its person keeps the parts before. Another part of a page
// gets what the page of the error says.
func (r *request) failed(err error) *view {
	if strings.HasSuffix(r.Pattern, rowsPath) {
		return failedRows(r, err)
	}
	v := problemView(err)
	if r.isPart() {
		v.part = "page" // without the layout
	}
	return v
}

// complete sets what each view has from its request.
func (v *view) complete(r *request) {
	v.Now, v.Namespace, v.Path = r.now, r.namespace(), r.URL.Path
	v.Title = cmp.Or(v.Title, text("app.title"))
	if r.Session != nil {
		v.Person, v.CSRFToken, v.Done = r.Person, r.CSRFToken, r.notice()
	}
	if v.isPage() {
		v.Navigation = r.navigation()
	}
}
