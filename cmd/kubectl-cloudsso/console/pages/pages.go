// Package pages renders the console: the pages of a directory, from a client of the API server. What a page may read and write is
// what the client's person may.
//
//	pages.go      routes
//	request.go    a request of a person, pages and actions
//	notice.go     what an action says after it, and seals
//	rights.go     what the person may do
//	render.go     templates and what they call
//	words.go      where a line may end within a long word
//	text.go       every text that a page shows
//	problem.go    errors as pages
//	navigation.go the links to the pages
//	directories.go, access.go, review.go   the list of directories, access assignments, and who has which role where
//	directory.go, users.go, user.go, groups.go, group.go, settings.go   one page each
//	why.go, history.go, useraccess.go, userrequests.go   parts of the page of a user
//	suspend.go, deletion.go             what a person does to a user
//	approvals.go, decideall.go          withheld deactivations, and the decision about one or all of them
//	signin.go     what a person sees who is not signed in
//	guard.go      what a browser sees that is not let in
//	form.go       inputs, and what was refused of them
//	settings_parts.go, settings_edit.go, switch.go   a directory's settings and its switch, changed
//	credential.go, credential_new.go, credential_end.go, rotation.go   the life of a credential
//	once.go       forms that are carried out once
//	search.go     exact names, and reading on in a large directory
//	log.go        the provisioning log, or what a person may read in place of it
//	stream.go     what is sent to a page that is open
//	advice.go     what to do about a refused request
package pages

import (
	"embed"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"
)

// Options configure the pages. All fields are required but Namespace, OperatorNamespace, TLS and Stopping.
type Options struct {
	// Session returns the person of a request, or an error that is shown.
	Session func(*http.Request) (*Session, error)
	// Namespace is that of the directory that / leads to; "" if / asks for it.
	Namespace string
	// OperatorNamespace is where the operator runs, whose log is shown; that of the manifests if it is "".
	OperatorNamespace string
	// TLS says that browsers reach the pages over TLS.
	TLS bool
	// Stopping is closed when the server stops: streams end then, because the server waits for requests in progress. A browser opens
	// its stream again, at another replica.
	Stopping <-chan struct{}
	// Now is the clock.
	Now func() time.Time
	// Random is the source of new tokens: a cryptographic one.
	Random io.Reader
}

// directoryPath begins the address of each page of a directory.
const directoryPath = "/directories/{namespace}/"

// New returns the handler of all pages.
func New(o Options) http.Handler {
	c := &console{Options: o}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", http.StripPrefix("/assets", http.FileServerFS(assets())))
	mux.HandleFunc("GET /{$}", c.show(c.start))
	mux.HandleFunc("GET /directories", c.show(c.directories))
	mux.HandleFunc("GET /directories/rows", c.show(c.directoryRows))
	mux.HandleFunc("GET /", c.show(c.notFound))
	for path, p := range map[string]page{
		"{$}":          c.directory,
		"users":        c.users,
		"users/rows":   c.userRows,
		"users/{name}": c.user,

		"users/{name}/access":   c.userAccess,
		"users/{name}/requests": c.userRequests,
		"users/{name}/suspend":  c.suspend,
		"users/{name}/lift":     c.lift,
		"users/{name}/delete":   c.deletion,
		"approvals":             c.approvals,
		"approvals/rows":        c.approvalRows,
		"approvals/decide":      c.askDecision,

		"groups":             c.groups,
		"groups/rows":        c.groupRows,
		"groups/{name}":      c.group,
		"groups/{name}/rows": c.memberRows,
		"access":             c.access,
		"access/rows":        c.accessRows,
		"access/{name}":      c.assignment,
		"review":             c.review,
		"review/rows":        c.reviewRows,
		"review.csv":         c.reviewCSV,
		"settings":           c.settings,
		"log":                c.log,

		"settings/edit":                     c.editSettings,
		"switch":                            c.switchPage,
		"new-credential":                    c.newCredential,
		"credentials":                       c.credentials,
		"credentials/{name}":                c.credential,
		"credentials/{name}/use":            c.credentialUse,
		"credentials/{name}/rotate":         c.rotateCredential,
		"credentials/{name}/stored":         c.stored,
		"credentials/{name}/rotation":       c.rotation,
		"credentials/{name}/rotation/state": c.rotationState,
		"credentials/{name}/revoke":         c.revokePage,
		"credentials/{name}/end":            c.askEnd,
	} {
		mux.HandleFunc("GET "+directoryPath+path, c.show(p))
	}
	mux.HandleFunc("GET "+directoryPath+"log/stream", c.logStream)
	for path, a := range map[string]action{
		"resync": c.resync,

		"users/{name}/suspend": c.doSuspend,
		"users/{name}/lift":    c.doLift,
		"users/{name}/delete":  c.deleteUser,
		"approvals/decide":     c.decide,

		"settings/edit":               c.saveSettings,
		"switch":                      c.turn,
		"credentials":                 c.createFirst,
		"credentials/{name}/rotate":   c.createSuccessor,
		"credentials/{name}/disabled": c.disableCredential,
		"credentials/{name}/expiry":   c.setExpiry,
		"credentials/{name}/revoke":   c.revoke,
	} {
		mux.HandleFunc("POST "+directoryPath+path, c.act(a))
	}
	return WithHeaders(mux)
}

// start leads to the directory, or to all of them.
func (c *console) start(*request) (*view, error) {
	if c.Namespace == "" {
		return redirected("/directories"), nil
	}
	return redirected(directoryAddress(c.Namespace, "")), nil
}

type console struct {
	Options
	minting sync.Mutex
	moves   moves
}

//go:embed assets
var assetFiles embed.FS

func assets() fs.FS {
	sub, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// contentPolicy lets a page load what this handler serves, and nothing else; and no script or style inside the page, so that markup
// in a name that an identity provider sends does nothing.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// WithHeaders returns a handler whose answers have the headers of each page.
func WithHeaders(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers name no Origin in a form
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // users are personal data
		inner.ServeHTTP(w, r)
	})
}
