package bindings

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func newQueueTest(t *testing.T) *queue {
	t.Helper()
	q := newQueue(prometheus.NewGauge(prometheus.GaugeOpts{Name: "pending"}))
	t.Cleanup(q.ShutDown)
	return q
}

func TestFailureIsLoggedOnceUntilItEnds(t *testing.T) {
	q, key := newQueueTest(t), objectKey{"prod", "cloudsso:acme:pods:0"}
	q.add(urgent, key)
	conflicts, fails := conflict(key, errors.New("moved")), errors.New("the API server is away")
	for i, attempt := range []struct {
		err   error
		toLog bool
	}{{conflicts, false}, {fails, true}, {fails, false}, {conflicts, false}, {nil, false}, {fails, true}} {
		if i == 5 {
			q.add(urgent, key)
		}
		key, priority, adds, _ := q.take()
		if toLog := q.done(key, priority, adds, attempt.err); toLog != attempt.toLog {
			t.Errorf("attempt %d, %v: to be logged is %t", i, attempt.err, toLog)
		}
	}
}

func TestConflictThatLastsIsLogged(t *testing.T) {
	q, key := newQueueTest(t), objectKey{"prod", "cloudsso:acme:pods:0"}
	q.failed[key] = &failure{delay: maxRetry / 4}
	q.add(urgent, key)
	for i, want := range []bool{false, true} {
		_, priority, adds, _ := q.take()
		if toLog := q.done(key, priority, adds, conflict(key, errors.New("moved"))); toLog != want {
			t.Errorf("conflict %d: to be logged is %t", i, toLog)
		}
	}
}
