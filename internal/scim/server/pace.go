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
// which net/http removes at the end of the body. Only the time in which it waits for the client counts, and not that in which
// the request waits for a place.
type pacedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	limits     *Limits
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
	}
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	began := time.Now()                                                                  // the connection has the system's clock
	_ = b.connection.SetReadDeadline(began.Add(b.limits.mayTake(b.received) - b.waited)) // fails for a test's recorder
	n, err := b.ReadCloser.Read(p)
	b.waited += time.Since(began)
	b.received += int64(n)
	return n, err
}

// mayTake returns the time after which the next byte has to arrive, after so many of them.
func (l *Limits) mayTake(received int64) time.Duration {
	return min(l.BodyGrace+time.Duration(received)*time.Second/time.Duration(l.BodyRate), limits.BodyTime*time.Second)
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
