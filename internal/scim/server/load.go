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

// load bounds what is worked on at a time. A client gone wild uses up its own share of requests; large bodies
// have theirs together.
type load struct {
	mu       sync.Mutex
	inFlight map[string]int // by Session.Subject
	large    chan struct{}  // a place for each large body
}

func newLoad() *load {
	return &load{inFlight: map[string]int{}, large: make(chan struct{}, limits.LargeBodies)}
}

// enter takes one request up, or answers 429; exit is called when it is done.
func (l *load) enter(subject string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inFlight[subject] >= limits.InFlight {
		return &scim.Error{
			Status:     http.StatusTooManyRequests,
			Detail:     fmt.Sprintf("%d requests of this credential are being worked on; wait for some of them", limits.InFlight),
			RetryAfter: time.Second,
		}
	}
	l.inFlight[subject]++
	return nil
}

func (l *load) exit(subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inFlight[subject]--; l.inFlight[subject] == 0 {
		delete(l.inFlight, subject)
	}
}

// roomTimeout is how long a large body waits: less than the client has to send it.
const roomTimeout = 10 * time.Second

// room waits for a place for a body of that length; leave gives it back. One whose length is not announced needs
// none: nobody sends much so.
func (l *load) room(ctx context.Context, length int64) (leave func(), err error) {
	if length <= limits.SmallBody {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, roomTimeout)
	defer cancel()
	select {
	case l.large <- struct{}{}:
		return func() { <-l.large }, nil
	case <-ctx.Done():
		return nil, scim.Unavailable(time.Second, ctx.Err())
	}
}
