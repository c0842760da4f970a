package pages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

const (
	// logRows is how many rows the log shows. A page that is open drops its oldest ones beyond that.
	logRows = 200
	// overlap is how much of the time before a stream is read again, because the clocks of nodes and of this machine differ. The page
	// shows no row twice.
	overlap = 10 * time.Second
)

// logQuery is what the log is asked for.
type logQuery struct {
	User, Credential, Request, Outcome, Since string
	WithUnknown                               bool
	// Operator is the namespace of the operator whose log is shown; "" for that of the console's options.
	Operator string
}

// refused is the outcome that stands for each outcome of a request that was not carried out.
const refused = "refused"

var refusals = []string{
	string(audit.AuthenticationRefused), string(audit.RequestLimited), string(audit.SynchronizationRefused),
	string(audit.DeactivationWithheld), string(audit.RequestRefused), string(audit.RequestFailed), string(audit.RequestUnknown),
}

// periods are how old rows may be, by the key of their text; the first is that of a page which was asked for nothing.
var periods = []period{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minutes", 10 * time.Minute}, {"all", 0}}

type period struct {
	Key   string
	since time.Duration
}

func logQueryOf(query url.Values) logQuery {
	return logQuery{
		User: strings.TrimSpace(query.Get("user")), Credential: strings.TrimSpace(query.Get("credential")), Request: strings.TrimSpace(query.Get("request")),
		Outcome: query.Get("outcome"), Since: cmp.Or(query.Get("since"), periods[0].Key), WithUnknown: query.Has("unknown"),
		Operator: strings.TrimSpace(query.Get("operator")),
	}
}

// encode returns the query as an address has it.
func (q logQuery) encode() string {
	unknown := ""
	if q.WithUnknown {
		unknown = "1"
	}
	return queryOf([]any{"user", q.User, "credential", q.Credential, "request", q.Request, "outcome", q.Outcome, "since", q.Since, "unknown", unknown, "operator", q.Operator}).Encode()
}

// in returns the query for a directory.
func (q logQuery) in(namespace string) log.Query {
	found := log.Query{Namespace: namespace, WithUnknown: q.WithUnknown, User: q.User, Credential: q.Credential, RequestID: q.Request, Limit: logRows}
	switch q.Outcome {
	case "":
	case refused:
		found.Outcomes = refusals
	default:
		found.Outcomes = []string{q.Outcome}
	}
	for _, p := range periods {
		if p.Key == q.Since {
			found.Since = p.since
		}
	}
	return found
}

// logPage is the page of the log.
type logPage struct {
	Query       logQuery
	Outcomes    []string
	Periods     []period
	Credentials []string
	// Refused is why the person may not read the provisioning log, in the API server's words; "" if the person may.
	Refused string
	// Forbidden says that the person lacks the right; otherwise the operator does not run in the namespace.
	Forbidden bool
	// Operator is the namespace of the operator.
	Operator string
	Rows     []log.Row // the newest first
	// WhyNone says why there is no row; "" while the page reads them.
	WhyNone string
	Unread  []error
	// Stream is the address of the rows that follow, Whole that of the page for a browser without scripts.
	Stream, Whole template.URL
	// After is the time from which Stream goes on.
	After time.Time
}

// MaxRows is how many rows the page keeps while it is open: as many as a reload shows.
func (logPage) MaxRows() int { return logRows }

// wholeParameter asks for a page that has read everything, for a browser without scripts.
const wholeParameter = "whole"

// log is the page of the log: the provisioning log if the person may read it, otherwise the last changes and Events.
func (c *console) log(r *request) (*view, error) {
	query := logQueryOf(r.URL.Query())
	reader, err := c.logReader(r, query)
	if err != nil {
		return nil, err
	}
	base := "/directories/" + url.PathEscape(r.namespace()) + "/log"
	page := logPage{
		Query: query, Outcomes: log.Outcomes(), Periods: periods, Credentials: r.credentialNames(), Operator: reader.OperatorNamespace, After: r.now,
		Stream: template.URL(base + "/stream?" + query.encode()), Whole: template.URL(base + "?" + wholeParameter + "=1&" + query.encode()), //nolint:gosec // G203: encode escapes what a page could misread
	}
	found, err := reader.Lines(r.Context(), query.in(r.namespace()))
	if log.IsUnreadable(err) {
		page.Refused, page.Forbidden = err.Error(), apierrors.IsForbidden(err)
		found, err = r.changes(reader, query, err)
	}
	if err != nil {
		return nil, err
	}
	page.Rows, page.WhyNone, page.Unread = newestFirst(found.Rows), found.WhyNone, found.Unread
	return &view{Title: text("log.title"), template: "log", Data: page}, nil
}

// changes returns the last changes and Events if the address asks for the whole page. Otherwise it returns none, because they need
// the whole directory, and the stream of the page reads that. A person who may read nothing of it gets the reason why the log is
// unreadable.
func (r *request) changes(reader log.Reader, query logQuery, unreadable error) (log.Found, error) {
	held, err := r.readRights(rightTo("list", "cloudssousers"), rightTo("list", "cloudssogroups"), rightTo("list", "cloudssomembershipslices"), right{Verb: "list", Resource: "events"})
	switch {
	case err != nil:
		return log.Found{}, err
	case !slices.Contains(slices.Collect(maps.Values(held)), true):
		return log.Found{}, unreadable
	case !r.URL.Query().Has(wholeParameter):
		return log.Found{}, nil
	}
	return reader.Changes(r.Context(), query.withoutOutcome().in(r.namespace()), func(string, int64, int64) {})
}

// withoutOutcome returns the query for changes and Events, which have none.
func (q logQuery) withoutOutcome() logQuery {
	q.Outcome = ""
	return q
}

// rowID returns what tells a row from each other one on a page.
func rowID(row log.Row) string {
	return plugin.Printable(fmt.Sprintf("row-%d-%s-%s-%s-%s", row.At.UnixNano(), row.RequestID, row.Kind, row.ID, row.Outcome))
}

func newestFirst(rows []log.Row) []log.Row {
	slices.Reverse(rows)
	return rows
}

// logReader returns what reads the log as the person: that of the operator which the person has named, or else of the console's own.
func (c *console) logReader(r *request, query logQuery) (log.Reader, error) {
	pods, err := corev1client.NewForConfig(r.Config)
	return log.Reader{
		Client: r.Client, Pods: pods, OperatorNamespace: cmp.Or(query.Operator, c.OperatorNamespace, log.DefaultOperatorNamespace), Now: c.Now,
	}, err
}

// credentialNames returns the names that the page proposes; none if the person may not read credentials.
func (r *request) credentialNames() (names []string) {
	credentials, err := plugin.CredentialsOf(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil
	}
	for i := range credentials {
		names = append(names, credentials[i].Name)
	}
	return names
}

// logStream sends the rows that follow those of a page, from the time on that the page names.
func (c *console) logStream(w http.ResponseWriter, plain *http.Request) {
	c.stream(func(ctx context.Context, r *request, s *stream) {
		events := logEvents{stream: s, request: r}
		if err := c.sendLog(ctx, r, &events); err != nil && ctx.Err() == nil {
			_ = events.status(err.Error()) // the browser has gone, or shows it and tries again
		}
	})(w, plain)
}

func (c *console) sendLog(ctx context.Context, r *request, events *logEvents) error {
	query := logQueryOf(r.URL.Query())
	reader, err := c.logReader(r, query)
	if err != nil {
		return err
	}
	lines := query.in(r.namespace())
	lines.Since = max(r.now.Sub(r.after()), 0) + overlap
	err = reader.Follow(ctx, lines, events.rows, func(err error) { _ = events.status(err.Error()) })
	if !log.IsUnreadable(err) {
		return err
	}
	found, err := reader.Changes(ctx, query.withoutOutcome().in(r.namespace()), events.progress)
	if err != nil {
		return err
	}
	return events.end(found)
}

// after returns the time from which a stream has to go on: that of the last event before the stream broke off, or else that of the page.
func (r *request) after() time.Time {
	after, err := time.Parse(time.RFC3339Nano, cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")))
	if err != nil {
		return r.now
	}
	return after
}

// logEvents are the events of the log.
type logEvents struct {
	*stream
	request *request
}

// rows sends rows, the oldest first.
func (e *logEvents) rows(rows []log.Row) error {
	if len(rows) == 0 {
		return e.keepAlive()
	}
	v := &view{template: "log", part: "rows", Data: logPage{Rows: rows}}
	v.complete(e.request)
	v.Now = e.now()
	html, err := v.render()
	if err != nil {
		return err
	}
	return e.send("rows", html)
}

// status sends a text that the page shows beside its rows.
func (e *logEvents) status(words string) error {
	return e.send("status", []byte(plugin.Printable(words)))
}

// progress says how much of a kind was read.
func (e *logEvents) progress(what string, read, left int64) {
	_ = e.status(text("log.reading", read, read+left, what)) // a browser that has gone ends the reading by itself
}

// end sends what was found, and that no more comes.
func (e *logEvents) end(found log.Found) error {
	words := text("log.whole")
	if len(found.Rows) == 0 {
		words = found.WhyNone
	}
	for _, missing := range found.Unread {
		words = fmt.Sprintf("%s %s", words, missing)
	}
	return errors.Join(e.rows(found.Rows), e.status(words), e.send("end", nil))
}
