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

// The reasons for refusing an authenticated request: scim.Error.Reason.
const (
	ReasonInFlight    = "in-flight"    // its directory has too many requests in progress
	ReasonLargeBodies = "large-bodies" // too many large bodies are in progress
)

// load bounds the requests and bodies in progress. Each directory has a share of its own, so that two credentials of one
// tenant do not have two. All requests without a known credential share the one of "".
type load struct {
	mu          sync.Mutex
	shares      map[string]*share // those with requests in progress, by Session.Directory
	largeBodies chan struct{}     // a place for each large body
}

// share counts the requests of one directory.
type share struct {
	requests    int
	largeBodies chan struct{} // its places for large bodies; nil until it needs one
}

func newLoad() *load {
	return &load{shares: map[string]*share{}, largeBodies: make(chan struct{}, limits.LargeBodies)}
}

// slot is one request in progress, from its authentication until its response has been written. The zero value
// belongs to an operation of a bulk request, which the slot of that request covers.
type slot struct {
	load           *load
	directory      string
	share          *share
	holdsLargeBody bool // holds a place for a large body
	position       int  // among the directory's requests when it arrived, from 1
}

func (l *load) acquire(directory string) slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.shares[directory]
	if c == nil {
		c = &share{}
		l.shares[directory] = c
	}
	c.requests++
	return slot{load: l, directory: directory, share: c, position: c.requests}
}

// checkInFlight returns a 429 if limits.InFlight requests of the directory are in progress.
func (s *slot) checkInFlight() error {
	if s.position <= limits.InFlight {
		return nil
	}
	whose := "of this directory"
	if s.directory == "" {
		whose = "without a credential"
	}
	return &scim.Error{
		Status:     http.StatusTooManyRequests,
		Detail:     fmt.Sprintf("%d requests %s are in progress; wait for the responses to some of them", limits.InFlight, whose),
		RetryAfter: time.Second,
		Reason:     ReasonInFlight,
	}
}

// hasTooManyUnanswered reports whether so many responses of the directory are unread that another one would only
// take memory.
func (s *slot) hasTooManyUnanswered() bool { return s.position > limits.Unanswered }

// release ends the slot. It is called after the response has been written, or the request has been dropped.
func (s *slot) release() {
	if s.load == nil {
		return
	}
	if s.holdsLargeBody {
		<-s.share.largeBodies
		<-s.load.largeBodies
	}
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	if s.share.requests--; s.share.requests == 0 {
		delete(s.load.shares, s.directory)
	}
}

// largeBodyTimeout is how long a large body waits: a third of the time that the client has to send it.
const largeBodyTimeout = 20 * time.Second

// acquireLargeBody waits for one of the directory's places for large bodies, then for one of those that all
// directories share. Because a directory has limits.LargeBodiesEach places, it cannot fill the common queue.
func (s *slot) acquireLargeBody(ctx context.Context) error {
	if s.load == nil || s.holdsLargeBody { // the body of a bulk request holds the place for its operations
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, largeBodyTimeout)
	defer cancel()
	own := s.ownPlaces()
	select {
	case own <- struct{}{}:
	case <-ctx.Done():
		return largeBodyError(http.StatusTooManyRequests, ctx.Err(),
			"%d bodies of more than %d bytes of this directory are in progress; send fewer at a time", limits.LargeBodiesEach, limits.SmallBody)
	}
	select {
	case s.load.largeBodies <- struct{}{}:
		s.holdsLargeBody = true
		return nil
	case <-ctx.Done():
		<-own
		return largeBodyError(http.StatusServiceUnavailable, ctx.Err(),
			"%d bodies of more than %d bytes are in progress; try again", limits.LargeBodies, limits.SmallBody)
	}
}

// ownPlaces returns the directory's places for large bodies.
func (s *slot) ownPlaces() chan struct{} {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	if s.share.largeBodies == nil {
		s.share.largeBodies = make(chan struct{}, limits.LargeBodiesEach)
	}
	return s.share.largeBodies
}

func largeBodyError(status int, cause error, format string, bounds ...any) error {
	return &scim.Error{
		Status:     status,
		Detail:     fmt.Sprintf(format, bounds...),
		RetryAfter: time.Second,
		Reason:     ReasonLargeBodies,
		Cause:      cause,
	}
}
