package store

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

var users = schema.GroupResource{Group: "cloudsso.dev", Resource: "cloudssousers"}

// An administrator who reads the detail in the identity provider must know whether to wait, and for what.
func TestEach503SaysWhatIsWrong(t *testing.T) {
	forbidden := func(why string) error { return apierrors.NewForbidden(users, "alice", errors.New(why)) }
	for name, test := range map[string]struct {
		err    error
		status int
		detail string
	}{
		"no connection":          {&url.Error{Op: "Post", URL: "https://10.0.0.1", Err: syscall.ECONNREFUSED}, 503, "cannot be reached"},
		"no answer in time":      {context.DeadlineExceeded, 503, "cannot be reached"},
		"etcd away":              {apierrors.NewInternalError(errors.New("etcdserver: leader changed")), 503, "overloaded, or cannot reach its storage"},
		"a server-side timeout":  {apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0), 503, "overloaded"},
		"too many requests":      {apierrors.NewTooManyRequests("too many requests", 1), 503, "overloaded"},
		"a policy without param": {forbidden("ValidatingAdmissionPolicy 'cloudsso-lock' denied request: failed to configure binding: not yet"), 503, "admission policies"},
		"no right":               {forbidden(`User "operator" cannot create resource "cloudssousers"`), 503, "does not permit the operator"},
		"no token":               {apierrors.NewUnauthorized("Unauthorized"), 503, "does not permit the operator"},
		"a used up quota":        {forbidden("exceeded quota: q, requested: count/cloudssousers.cloudsso.dev=1, used: 1, limited: 1"), 507, "exceeded quota: q"},
		"an uncounted quota":     {forbidden("status unknown for quota: q, resources: count/cloudssousers.cloudsso.dev"), 503, "has not counted yet"},
		"many writers":           {contended("acme", "staff", errStale), 503, "too many requests change staff"},
		"an own write":           {behind(errStale), 503, "does not show yet"},
		"a silent watch":         {disconnected(errStale), 503, "lost its connection"},
		"a pending name":         {&nameclaim.PendingError{Name: nameclaim.UserName("acme", "alice")}, 503, "this userName"},
		"too large for etcd":     {apierrors.NewInternalError(errors.New("etcdserver: request is too large")), 413, "too large"},
	} {
		var answer *scim.Error
		err := toSCIMError(test.err)
		if !errors.As(err, &answer) || answer.Status != test.status || !strings.Contains(answer.Detail, test.detail) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if promises := answer.RetryAfter > 0; promises != (test.status == http.StatusServiceUnavailable) {
			t.Errorf("%s: Retry-After %s of a %d", name, answer.RetryAfter, test.status)
		}
	}
}

func TestARequestThatIsOvertakenTriesAgain(t *testing.T) {
	for name, err := range map[string]error{
		"at an object":   apierrors.NewConflict(users, "alice", errors.New("the object has been modified")),
		"at a new id":    apierrors.NewAlreadyExists(users, "alice"),
		"at a name":      &nameclaim.OvertakenError{Name: nameclaim.UserName("acme", "alice")},
		"at the counter": apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, "q", errors.New("the object has been modified")),
	} {
		if got := toSCIMError(err); !errors.Is(got, errStale) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
