package server

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// ReasonSlowBody is the scim.Error.Reason of a request whose body arrives too slowly.
const ReasonSlowBody = "slow-body"

// pacedBody is a request's body that has to arrive at a minimum rate. Before each read it moves the connection's deadline,
// which net/http removes at the end of the body.
// Only the time that it waits for the client counts, and not that which the request waits for a place.
type pacedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	limits     *Limits
	end        time.Time // by which the whole body must have arrived
	waited     time.Duration
	received   int64
}

// pace makes the body of a request arrive at a minimum rate.
func (s *server) pace(req *request, w http.ResponseWriter) {
	if req.ContentLength == 0 {
		return
	}
	req.Body = &pacedBody{
		ReadCloser: req.Body,
		connection: http.NewResponseController(w),
		limits:     &s.Limits,
		end:        time.Now().Add(limits.BodyTime * time.Second), // the connection has the system's clock
	}
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	began := time.Now()
	deadline := began.Add(b.limits.mayTake(b.received) - b.waited)
	if deadline.After(b.end) {
		deadline = b.end
	}
	_ = b.connection.SetReadDeadline(deadline) // fails for a test's recorder
	n, err := b.ReadCloser.Read(p)
	b.waited += time.Since(began)
	b.received += int64(n)
	return n, err
}

// mayTake returns the time after which the next byte has to arrive, after so many of them.
func (l *Limits) mayTake(received int64) time.Duration {
	return l.BodyGrace + time.Duration(received)*time.Second/time.Duration(l.BodyRate)
}

// slowBody returns the error of a body that arrives too slowly.
func (l *Limits) slowBody(cause error) error {
	return &scim.Error{
		Status: http.StatusRequestTimeout,
		Detail: fmt.Sprintf("the body arrived too slowly: after %s, at least %d bytes must arrive each second", l.BodyGrace, l.BodyRate),
		Reason: ReasonSlowBody,
		Cause:  cause,
	}
}
