package pages

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// view is what one answer shows.
type view struct {
	Now       time.Time
	Namespace string // of the directory; "" outside one
	Path      string
	Title     string // plain text
	Person    string // of the session; "" where there is one person only
	CSRFToken string // of the session
	Done      string // the notice of an action that has succeeded; "" without one
	Data      any    // what the template of the page reads
	// Navigation has the pages of the directory; nil outside one.
	Navigation []navItem

	template string       // the file below templates, without its ending
	part     string       // the template in that file which is the whole answer; "" for a page
	status   int          // 200 if 0
	redirect string       // the address to go to instead; "" to show the template
	shownAt  string       // the address that shows the same, for a part which an action has made; "" if the page has its own already
	cookie   *http.Cookie // what the browser is to remember; nil for nothing
	// stream writes an answer that is no page, such as a file; nil to show the template.
	stream http.HandlerFunc
}

//go:embed templates
var templateFiles embed.FS

// templates has one set for each page: the layout, and the page in it.
var templates = parseTemplates("directory", "users", "user", "groups", "group", "settings", "problem",
	"directories", "access", "assignment", "review",
	"suspend", "delete", "approvals", "decide", "log", "signin",
	"settings_edit", "switch", "credential", "credential_new", "credential_token", "credential_stored", "credential_rotation", "credential_revoke", "credential_end")

func parseTemplates(names ...string) map[string]*template.Template {
	sets := map[string]*template.Template{}
	for _, name := range names {
		sets[name] = template.Must(template.New("layout.html").Funcs(functions).
			ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html", "templates/"+name+".html"))
	}
	return sets
}

// functions are what templates call beside their data.
var functions = template.FuncMap{
	"text":             text,
	"shown":            plugin.Printable,
	"ago":              ago,
	"exact":            exact,
	"pieces":           piecesOf,
	"words":            words,
	"switch":           switchOf,
	"duration":         policy.ShortDuration,
	"conditionName":    conditionName,
	"principal":        principalText,
	"principalAddress": principalAddress,
	"target":           targetText,
	"grants":           grantsOf,
	"ready":            readyText,
	"place":            plugin.Place,
	"directoryAddress": directoryAddress,
	"state":            plugin.StateOf,
	"number":           number,
	"rest":             restOf,
	"path":             url.PathEscape,
	"advice":           adviceOf,
	"author":           authorText,
	"isUnknownPerson":  isUnknownPerson,
	"rowID":            rowID,
	"refusedPage":      refusedPage,
	"usable":           usableText,
	"part":             func(v *view, data any) part { return part{v, data} },
}

// part is what a template within a page gets: the whole view, and its own data.
type part struct {
	View *view
	Item any
}

// Now is the time at which the view is made.
func (p part) Now() time.Time { return p.View.Now }

// isPage reports whether the answer is a whole page.
func (v *view) isPage() bool { return v.redirect == "" && v.stream == nil && v.part == "" }

// write renders the view whole before it sends anything, so that a template that fails is not half a page.
func (v *view) write(w http.ResponseWriter, r *http.Request) {
	if v.cookie != nil {
		http.SetCookie(w, v.cookie)
	}
	if v.redirect != "" {
		leadOn(w, r, v.redirect)
		return
	}
	if v.stream != nil {
		v.stream(w, r)
		return
	}
	out, err := v.render()
	if err != nil {
		http.Error(w, text("problem.template"), http.StatusInternalServerError)
		return
	}
	if v.part != "" && v.shownAt != "" {
		w.Header().Set("HX-Replace-Url", v.shownAt)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(cmp.Or(v.status, http.StatusOK))
	_, _ = w.Write(out) // a browser that has gone needs no answer
}

// leadOn sends the browser to an address. A script would put the page of a redirection into its own.
func leadOn(w http.ResponseWriter, r *http.Request, address string) {
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", address)
		return
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (v *view) render() ([]byte, error) {
	var out bytes.Buffer
	err := templates[v.template].ExecuteTemplate(&out, cmp.Or(v.part, "layout.html"), v)
	return out.Bytes(), err
}

// ago returns how long ago a time was, or in how long it will be, as kubectl writes it.
func ago(now time.Time, at any) string {
	t := instant(at)
	switch {
	case t.IsZero():
		return text("time.never")
	case now.Before(t):
		return text("time.in", duration.HumanDuration(t.Sub(now)))
	}
	return text("time.ago", duration.HumanDuration(now.Sub(t)))
}

// exact returns a time for the attribute datetime; "" if there is none.
func exact(at any) string {
	if t := instant(at); !t.IsZero() {
		return t.UTC().Format(time.RFC3339)
	}
	return ""
}

// piece is a piece of a sentence.
type piece struct {
	Text      string
	IsTime    bool // Text is a time in RFC 3339
	IsCommand bool // Text is for a terminal
}

// writtenTime is how the operator and the plugin write a time into a sentence: whole seconds of UTC.
var writtenTime = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\b`)

// writtenCommand is how the operator writes a command into a sentence.
var writtenCommand = regexp.MustCompile(`\b(kubectl -n .+?)(?:; to |$)`)

// piecesOf returns a sentence in pieces, so that a page can show its times in the person's zone, and tell its commands from its words.
func piecesOf(sentence string) (pieces []piece) {
	begin := 0
	for _, place := range writtenCommand.FindAllStringSubmatchIndex(sentence, -1) {
		pieces = append(pieces, timesOf(sentence[begin:place[2]])...)
		pieces = append(pieces, piece{Text: sentence[place[2]:place[3]], IsCommand: true})
		begin = place[3]
	}
	return append(pieces, timesOf(sentence[begin:])...)
}

// timesOf returns words in pieces: the times, and what is between them.
func timesOf(sentence string) (pieces []piece) {
	begin := 0
	for _, place := range writtenTime.FindAllStringIndex(sentence, -1) {
		at := sentence[place[0]:place[1]]
		if instant(at).IsZero() { // digits that are none
			continue
		}
		pieces = append(pieces, piece{Text: sentence[begin:place[0]]}, piece{Text: at, IsTime: true})
		begin = place[1]
	}
	return append(pieces, piece{Text: sentence[begin:]})
}

func instant(at any) (t time.Time) {
	switch at := at.(type) {
	case time.Time:
		return at
	case metav1.Time:
		return at.Time
	case *metav1.Time:
		if at != nil {
			return at.Time
		}
	case string:
		t, _ = time.Parse(time.RFC3339, at)
	}
	return t
}

// number returns a number of a status, or what stands for one that is not known yet.
func number(n *int32) string {
	if n == nil {
		return text("condition.unknown")
	}
	return strconv.Itoa(int(*n))
}
