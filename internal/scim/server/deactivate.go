package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// deactivateAnyway deactivates the user of a refused PUT or PATCH if that is what the request asks for besides: a leaver
// must lose access whatever else a request has (docs/adr/0031-a-refused-request-still-deactivates.md). active returns the value
// that the request gives to active; nil if none can be read. The result is the error to answer.
func (s *server) deactivateAnyway(req *request, refused error, active func() any) error {
	if refused == nil || req.rt != schema.User || !isAboutContent(refused) || active() != false {
		return refused
	}
	ctx, err := s.beforeChange(req)
	if err != nil {
		return err
	}
	r, err := req.update(ctx, scim.Change{
		Precondition: req.precondition(),
		Attributes: func(current schema.Object) (schema.Object, error) {
			return current.With(schema.Active, false), nil
		},
	})
	switch {
	case err == nil:
		req.recordEffect(r)
		return deactivatedOnly(refused, req.record.RequestID)
	case statusOf(err) == http.StatusTooManyRequests, statusOf(err) >= http.StatusInternalServerError: // to be repeated
		return err
	}
	return refused
}

// isAboutContent reports whether another request about the same user could succeed at this moment. A user that does not exist
// stays so, a precondition excludes every change, and after a 503 the client repeats the request. An error with a reason is about
// the directory: the switch was turned off, or the deactivation is withheld.
func isAboutContent(err error) bool {
	e := toSCIMError(err, "")
	switch e.Status {
	case http.StatusNotFound, http.StatusPreconditionFailed, http.StatusServiceUnavailable:
		return false
	}
	return e.Reason == ""
}

// deactivatedOnly returns the error of a request of which the deactivation alone is stored.
func deactivatedOnly(refused error, requestID string) error {
	e := *toSCIMError(refused, requestID)
	e.Detail = "active is false now, and nothing else of the request was stored: " + e.Detail
	return &e
}
