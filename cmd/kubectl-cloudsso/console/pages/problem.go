package pages

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// problem is an error as a page shows it: what the API server said, in its own words, and what to do.
type problem struct {
	Message string
	Advice  string
}

func problemView(err error) *view {
	status, advice := http.StatusInternalServerError, ""
	var notFound *plugin.NotFoundError
	switch {
	case errors.As(err, &notFound), apierrors.IsNotFound(err), errors.Is(err, errNoPage):
		status = http.StatusNotFound
	case errors.Is(err, errStrangeForm):
		status = http.StatusForbidden
	case apierrors.IsForbidden(err):
		status, advice = http.StatusForbidden, text("problem.forbidden")
	case apierrors.IsUnauthorized(err):
		status, advice = http.StatusUnauthorized, text("problem.unauthorized")
	case apierrors.IsResourceExpired(err):
		status, advice = http.StatusGone, text("problem.expired")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		status, advice = http.StatusGatewayTimeout, text("problem.unreachable")
	}
	return &view{Title: text("problem.title"), template: "problem", status: status, Data: problem{err.Error(), advice}}
}

var (
	errNoPage      = errors.New(text("problem.noPage"))
	errStrangeForm = errors.New(text("problem.strangeForm"))
)

func (c *console) notFound(*request) (*view, error) { return nil, errNoPage }
