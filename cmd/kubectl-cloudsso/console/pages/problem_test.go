package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

func TestAnErrorHasItsStatusAndAdvice(t *testing.T) {
	users := schema.GroupResource{Group: "cloudsso.dev", Resource: "cloudssousers"}
	refused := &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/apis", Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		err    error
		status int
		advice string
	}{
		"no page":                 {errNoPage, http.StatusNotFound, ""},
		"a form of another":       {errStrangeForm, http.StatusForbidden, ""},
		"no directory":            {fmt.Errorf("reading: %w", &plugin.NotFoundError{}), http.StatusNotFound, ""},
		"no user":                 {apierrors.NewNotFound(users, "ada"), http.StatusNotFound, "problem.absentUser"},
		"no such kind":            {apierrors.NewNotFound(schema.GroupResource{}, ""), http.StatusNotFound, ""},
		"no right":                {apierrors.NewForbidden(users, "ada", errors.New("no")), http.StatusForbidden, "problem.forbidden"},
		"no login":                {apierrors.NewUnauthorized("no"), http.StatusUnauthorized, "problem.unauthorized"},
		"an old part of a list":   {apierrors.NewResourceExpired("old"), http.StatusGone, "problem.expired"},
		"a request that is none":  {apierrors.NewBadRequest("continue"), http.StatusBadRequest, ""},
		"a write that lost":       {apierrors.NewConflict(users, "ada", errors.New("newer")), http.StatusConflict, ""},
		"too late":                {fmt.Errorf("reading: %w", context.DeadlineExceeded), http.StatusGatewayTimeout, "problem.late"},
		"too late on the way":     {&url.Error{Err: context.DeadlineExceeded}, http.StatusGatewayTimeout, "problem.late"},
		"a browser that has left": {&url.Error{Err: context.Canceled}, http.StatusServiceUnavailable, "problem.canceled"},
		"no connection":           {fmt.Errorf("reading: %w", refused), http.StatusBadGateway, "problem.unreachable"},
		"anything else":           {errors.New("else"), http.StatusInternalServerError, ""},
	} {
		if status, advice := statusOf(test.err), adviceOn(test.err); status != test.status || advice != test.advice {
			t.Errorf("%s: %d %q, want %d %q", name, status, advice, test.status, test.advice)
		}
		if shown := problemView(test.err).Data.(problem); shown.Message != test.err.Error() { //nolint:errcheck // it is one
			t.Errorf("%s shows %q", name, shown.Message)
		}
	}
}
