package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// leavers is how many users leave in a round; each round others. A percentile wants many.
	leavers = 250
	// leaverLabel lets the watch be on them alone: to follow every create would slow the creates down.
	leaverLabel = "bench.cloudsso.dev/leaver"
	// leaverTimeout is when a state that does not come is given up.
	leaverTimeout = 30 * time.Second
)

// deactivations measures how long after the answer to a deactivation its effect is stored, while a full
// import goes on. Users leave at even intervals, whether the last one's state has been seen or not.
func deactivations() measurement {
	return measurement{
		name:  "deactivation",
		needs: []size{large},
		rows: []row{
			{figure: "SCIM 2xx of a deactivation → state Disabled stored, " + largeUsers + " users, under a create load of 16 workers, p99", unit: "ms", target: atMost(250), quantile: 0.99},
			{figure: "… p50", unit: "ms", quantile: 0.5},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[large]
			samples, err := b.leaveUnderLoad(ctx, s, round)
			if err != nil {
				return nil, err
			}
			return [][]float64{samples, samples}, s.settle(ctx)
		},
	}
}

func (b *bench) leaveUnderLoad(ctx context.Context, s *stack, round int) ([]float64, error) {
	if (round+1)*leavers > len(s.seeded) {
		return nil, notMeasured("too few users")
	}
	leaving := s.seeded[round*leavers : (round+1)*leavers]
	mark := fmt.Sprint(round)
	if err := s.label(ctx, leaving, mark); err != nil {
		return nil, err
	}
	seen, stop, err := s.watchDisabled(ctx, mark)
	if err != nil {
		return nil, err
	}
	defer stop()
	var failure error
	var load16 sync.WaitGroup
	defer load16.Wait()
	loading, done := context.WithCancel(ctx)
	defer done()
	load16.Go(func() { failure = b.createUntil(loading, s) })
	acknowledged, err := b.leave(ctx, s, leaving)
	if err != nil {
		return nil, err
	}
	samples, err := await(ctx, acknowledged, seen)
	done()
	load16.Wait()
	if err == nil {
		err = failure
	}
	return samples, err
}

// label marks the users that will leave, and waits until the controllers have looked at them.
func (s *stack) label(ctx context.Context, ids []string, mark string) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, leaverLabel, mark))
	for _, id := range ids {
		u := &v1alpha1.CloudSSOUser{}
		u.Namespace, u.Name = s.Namespace, id
		if err := s.raw.Patch(ctx, u, patch); err != nil {
			return err
		}
	}
	return s.settle(ctx)
}

// moment is when something happened to a user.
type moment struct {
	id string
	at time.Time
}

// marked watches the users of a mark.
type marked struct {
	*stack
	mark string
}

// WatchWithContext is part of cache.WatcherWithContext.
func (m marked) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return m.raw.Watch(ctx, &v1alpha1.CloudSSOUserList{}, client.InNamespace(m.Namespace), client.MatchingLabels{leaverLabel: m.mark},
		&client.ListOptions{Raw: &options})
}

// watchDisabled tells of each marked user that becomes Disabled, when the API server tells of it. A watch that the API
// server ends, as it does with one that it finds slow, is taken up again.
func (s *stack) watchDisabled(ctx context.Context, mark string) (<-chan moment, func(), error) {
	since, err := s.revision(ctx)
	if err != nil {
		return nil, nil, err
	}
	w, err := toolswatch.NewRetryWatcherWithContext(ctx, since, marked{s, mark})
	if err != nil {
		return nil, nil, err
	}
	seen := make(chan moment, 10*leavers) // nobody reads before all have left
	go func() {
		defer close(seen)
		for event := range w.ResultChan() {
			u, ok := event.Object.(*v1alpha1.CloudSSOUser)
			if ok && u.Status.State == v1alpha1.UserDisabled {
				seen <- moment{u.Name, time.Now()}
			}
		}
	}()
	return seen, w.Stop, nil
}

// createUntil creates users with 16 workers until ctx ends.
func (b *bench) createUntil(ctx context.Context, s *stack) error {
	began := time.Now()
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, For: leaverTimeout}, s.post(&ids{}))
	b.observe("creates beside/s", float64(len(result.Latencies))/time.Since(began).Seconds())
	return result.Err
}

// leave deactivates the users at even intervals over twice the time of a round, and returns when each was
// acknowledged.
func (b *bench) leave(ctx context.Context, s *stack, ids []string) (map[string]time.Time, error) {
	acknowledged := map[string]time.Time{}
	var mu sync.Mutex
	var failure error
	var all sync.WaitGroup
	ticker := time.NewTicker(2 * b.roundTime / time.Duration(len(ids)))
	defer ticker.Stop()
	for _, id := range ids {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		all.Go(func() {
			_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+id, load.SetActive(false))
			mu.Lock()
			defer mu.Unlock()
			acknowledged[id] = time.Now()
			if err != nil {
				failure = err
			}
		})
	}
	all.Wait()
	return acknowledged, failure
}

// await is how long after its acknowledgement each user's state was seen, in milliseconds.
func await(ctx context.Context, acknowledged map[string]time.Time, seen <-chan moment) (samples []float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaverTimeout)
	defer cancel()
	for len(acknowledged) > 0 {
		select {
		case m, open := <-seen:
			if !open {
				return nil, fmt.Errorf("the watch ended before %d users were seen Disabled", len(acknowledged))
			}
			if at, waiting := acknowledged[m.id]; waiting {
				samples = append(samples, max(milliseconds(m.at.Sub(at)), 0)) // the state may be there before the answer
				delete(acknowledged, m.id)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%d users were not seen Disabled: %w", len(acknowledged), ctx.Err())
		}
	}
	return samples, nil
}
