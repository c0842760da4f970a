package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// problem is an error as a page shows it: what the API server said, in its own words, and what to do.
type problem struct {
	Message string
	Advice  string
	// List is the page below the directory that lists objects of the kind of one that does not exist, and ListName its name; "" for
	// other errors.
	List, ListName string
}

func problemView(err error) *view {
	advice := ""
	if key := adviceOn(err); key != "" {
		advice = text(key)
	}
	shown := problem{Message: err.Error(), Advice: advice}
	if list, isAbsent := listOf(err); isAbsent {
		shown.List, shown.ListName = list.page, text("nav."+list.page)
	}
	return &view{Title: text("problem.title"), template: "problem", status: statusOf(err), Data: shown}
}

// listPage is a page that lists objects, and the key of the text about one that does not exist.
type listPage struct{ page, absent string }

// lists are the pages that list objects, by the resource of these.
var lists = map[string]listPage{
	"cloudssousers":    {"users", "problem.absentUser"},
	"cloudssogroups":   {"groups", "problem.absentGroup"},
	assignmentResource: {"access", "problem.absentAssignment"},
	"scimcredentials":  {"settings", "problem.absentCredential"},
}

// listOf returns the page that lists objects of the kind of one that does not exist. It reports false if the error says something else.
func listOf(err error) (list listPage, isAbsent bool) {
	var fromServer apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &fromServer) || fromServer.Status().Details == nil {
		return listPage{}, false
	}
	list, isAbsent = lists[fromServer.Status().Details.Kind]
	return list, isAbsent
}

// statusOf returns the HTTP status of an error: that of the API server if it has one.
func statusOf(err error) int {
	var notFound *plugin.NotFoundError
	var fromServer apierrors.APIStatus
	switch {
	case errors.As(err, &notFound), errors.Is(err, errNoPage):
		return http.StatusNotFound
	case errors.Is(err, ErrNotSignedIn):
		return http.StatusUnauthorized
	case errors.Is(err, errStrangeForm), errors.Is(err, plugin.ErrNoRight):
		return http.StatusForbidden
	case errors.Is(err, errOtherObject), errors.Is(err, errNotWithheld), errors.Is(err, errNoneLeft):
		return http.StatusConflict
	case errors.Is(err, errNoDecision), errors.Is(err, errNoneShown):
		return http.StatusBadRequest
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case isUnreachable(err):
		return http.StatusBadGateway
	case errors.As(err, &fromServer) && fromServer.Status().Code >= http.StatusBadRequest:
		return int(fromServer.Status().Code)
	}
	return http.StatusInternalServerError
}

// adviceOn returns the key of the text that says what to do about an error; "" if there is none.
func adviceOn(err error) string {
	if list, isAbsent := listOf(err); isAbsent {
		return list.absent
	}
	switch {
	case apierrors.IsForbidden(err):
		return "problem.forbidden"
	case apierrors.IsUnauthorized(err):
		return "problem.unauthorized"
	case apierrors.IsResourceExpired(err):
		return "problem.expired"
	case errors.Is(err, context.Canceled):
		return "problem.canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "problem.late"
	case isUnreachable(err):
		return "problem.unreachable"
	}
	return ""
}

// isUnreachable reports whether a request got no answer: its connection was refused, or broke.
func isUnreachable(err error) bool {
	var noAnswer *url.Error
	return errors.As(err, &noAnswer)
}

// ErrNotSignedIn is for Options.Session, about a request of no person.
var ErrNotSignedIn = errors.New(text("guard.noSession"))

var (
	errNoPage      = errors.New(text("problem.noPage"))
	errStrangeForm = errors.New(text("problem.strangeForm"))
)

func (c *console) notFound(*request) (*view, error) { return nil, errNoPage }
