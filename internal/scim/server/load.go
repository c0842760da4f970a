package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// The reasons why a request that was let in is not worked on: scim.Error.Reason.
const (
	ReasonInFlight    = "in-flight"    // its credential has too many under way
	ReasonLargeBodies = "large-bodies" // no place for its body came free
)

// load bounds what is worked on at a time. A client gone wild uses up its own share and nobody else's. Who is not
// known is one client together with all others who are not.
type load struct {
	mu      sync.Mutex
	clients map[string]*client // those with requests under way, by Session.Subject
	large   chan struct{}      // a place for each large body
}

// client is who shares one credential.
type client struct {
	requests int
	large    chan struct{} // its places among the large bodies; nil until it needs one
}

func newLoad() *load {
	return &load{clients: map[string]*client{}, large: make(chan struct{}, limits.LargeBodies)}
}

// visit is one request under way, from when it is known whose it is until its answer has been taken: until then it
// holds memory. The zero value is that of an operation of a bulk request, which is part of another's.
type visit struct {
	load    *load
	subject string
	client  *client
	large   bool // has a place among the large bodies
	order   int  // of its client's requests, from 1, when it came
}

func (l *load) enter(subject string) visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.clients[subject]
	if of == nil {
		of = &client{}
		l.clients[subject] = of
	}
	of.requests++
	return visit{load: l, subject: subject, client: of, order: of.requests}
}

// tooMany is the answer to one that comes while limits.InFlight of its client are under way.
func (v *visit) tooMany() error {
	if v.order <= limits.InFlight {
		return nil
	}
	whose := "of this credential"
	if v.subject == "" {
		whose = "without a credential"
	}
	return &scim.Error{
		Status:     http.StatusTooManyRequests,
		Detail:     fmt.Sprintf("%d requests %s are being worked on; wait for some of them", limits.InFlight, whose),
		RetryAfter: time.Second,
		Reason:     ReasonInFlight,
	}
}

// unanswered says whether so many of its client's answers wait to be taken that one more would only hold memory.
func (v *visit) unanswered() bool { return v.order > limits.Unanswered }

// leave is called when the answer has been taken, or nobody will.
func (v *visit) leave() {
	if v.load == nil {
		return
	}
	if v.large {
		<-v.client.large
		<-v.load.large
	}
	v.load.mu.Lock()
	defer v.load.mu.Unlock()
	if v.client.requests--; v.client.requests == 0 {
		delete(v.load.clients, v.subject)
	}
}

// roomTimeout is how long a large body waits: a third of what the client has to send it.
const roomTimeout = 20 * time.Second

// grow waits for a place among the large bodies: first its client's, then everybody's. So at most
// limits.LargeBodiesEach of a client hold a place or wait in the common row, and another's turn comes soon.
func (v *visit) grow(ctx context.Context) error {
	if v.load == nil || v.large { // an operation of a bulk request is in a body that has its place
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, roomTimeout)
	defer cancel()
	own := v.own()
	select {
	case own <- struct{}{}:
	case <-ctx.Done():
		return noRoom(http.StatusTooManyRequests, ctx.Err(),
			"%d bodies of more than %d bytes of this credential are being worked on; send fewer at a time", limits.LargeBodiesEach, limits.SmallBody)
	}
	select {
	case v.load.large <- struct{}{}:
		v.large = true
		return nil
	case <-ctx.Done():
		<-own
		return noRoom(http.StatusServiceUnavailable, ctx.Err(),
			"%d bodies of more than %d bytes are being worked on; try again", limits.LargeBodies, limits.SmallBody)
	}
}

// own is where the client's places are.
func (v *visit) own() chan struct{} {
	v.load.mu.Lock()
	defer v.load.mu.Unlock()
	if v.client.large == nil {
		v.client.large = make(chan struct{}, limits.LargeBodiesEach)
	}
	return v.client.large
}

func noRoom(status int, cause error, format string, bounds ...any) error {
	return &scim.Error{
		Status:     status,
		Detail:     fmt.Sprintf(format, bounds...),
		RetryAfter: time.Second,
		Reason:     ReasonLargeBodies,
		Cause:      cause,
	}
}
