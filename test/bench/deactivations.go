package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
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
	// deactivationsPerRound is how many users are deactivated in a round, each round others: enough for a percentile.
	deactivationsPerRound = 250
	// roundLabel restricts the watch to the users of a round: watching every create would slow down the creates.
	roundLabel = "bench.cloudsso.dev/round"
	// disabledTimeout is when a state that does not come is given up.
	disabledTimeout = 30 * time.Second
)

// deactivationMeasurement measures how long after the answer to a deactivation its effect is stored, under a full
// import. Deactivations are sent at even intervals, and do not wait for the effect of the one before.
func deactivationMeasurement() measurement {
	return measurement{
		name:  "deactivation",
		needs: []size{large},
		rows: []row{
			{figure: "SCIM 2xx of a deactivation → state Disabled stored, " + largeUsers + " users, under a create load of 16 workers, p99", unit: "ms", target: atMost(250), quantile: 0.99},
			{figure: "… p50", unit: "ms", quantile: 0.5},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[large]
			if (round+1)*deactivationsPerRound > len(s.seeded) {
				return nil, notMeasured("too few users")
			}
			ids := s.seeded[round*deactivationsPerRound : (round+1)*deactivationsPerRound]
			samples, err := b.deactivateUnderImport(ctx, s, ids, fmt.Sprint(round))
			if err != nil {
				return nil, err
			}
			return [][]float64{samples, samples}, s.waitIdle(ctx)
		},
	}
}

// deactivateUnderImport returns how long after its acknowledgement each user was seen Disabled, in milliseconds.
func (b *bench) deactivateUnderImport(ctx context.Context, s *stack, ids []string, round string) ([]float64, error) {
	if err := s.label(ctx, ids, round); err != nil {
		return nil, err
	}
	var watches atomic.Int32
	seen, stop, err := s.watchDisabled(ctx, roundWatcher{s, round, &watches})
	if err != nil {
		return nil, err
	}
	defer stop()
	defer func() { b.observe("watches a round", float64(watches.Load())) }()
	var failure error
	var importing sync.WaitGroup
	defer importing.Wait()
	importCtx, endImport := context.WithCancel(ctx)
	defer endImport()
	importing.Go(func() { failure = b.importUsers(importCtx, s) })
	acknowledged, err := b.deactivate(ctx, s, ids)
	if err != nil {
		return nil, err
	}
	samples, err := awaitDisabled(ctx, acknowledged, seen)
	endImport()
	importing.Wait()
	if err == nil {
		err = failure
	}
	return samples, err
}

// label labels the users of a round, and waits until the controllers have reconciled them.
func (s *stack) label(ctx context.Context, ids []string, round string) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, roundLabel, round))
	for _, id := range ids {
		u := &v1alpha1.CloudSSOUser{}
		u.Namespace, u.Name = s.Namespace, id
		if err := s.raw.Patch(ctx, u, patch); err != nil {
			return err
		}
	}
	return s.waitIdle(ctx)
}

// sighting is when a user was seen Disabled.
type sighting struct {
	id string
	at time.Time
}

// roundWatcher watches the users of a round.
type roundWatcher struct {
	*stack
	round string
	count *atomic.Int32 // of its watches: a second one begins after a second, which the latencies then contain
}

// WatchWithContext implements cache.WatcherWithContext.
func (w roundWatcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	w.count.Add(1)
	return w.raw.Watch(ctx, &v1alpha1.CloudSSOUserList{}, client.InNamespace(w.Namespace), client.MatchingLabels{roundLabel: w.round},
		&client.ListOptions{Raw: &options})
}

// watchDisabled reports each user of a round that becomes Disabled. It resumes a watch that the API server ends, as it
// ends those of slow clients.
func (s *stack) watchDisabled(ctx context.Context, watcher roundWatcher) (<-chan sighting, func(), error) {
	var list v1alpha1.CloudSSOUserList
	if err := s.raw.List(ctx, &list, client.InNamespace(s.Namespace), client.Limit(1)); err != nil {
		return nil, nil, err
	}
	w, err := toolswatch.NewRetryWatcherWithContext(ctx, list.ResourceVersion, watcher)
	if err != nil {
		return nil, nil, err
	}
	seen := make(chan sighting, 10*deactivationsPerRound) // it is read only after the last deactivation
	go func() {
		defer close(seen)
		for event := range w.ResultChan() {
			u, ok := event.Object.(*v1alpha1.CloudSSOUser)
			if ok && u.Status.State == v1alpha1.UserDisabled {
				seen <- sighting{u.Name, time.Now()}
			}
		}
	}()
	return seen, w.Stop, nil
}

// importUsers creates users with 16 workers until ctx ends.
func (b *bench) importUsers(ctx context.Context, s *stack) error {
	began := time.Now()
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, For: disabledTimeout}, s.post(&createdUsers{}))
	b.observe("imported users/s", float64(len(result.Latencies))/time.Since(began).Seconds())
	b.observe("import p99 ms", milliseconds(result.Latencies.Percentile(0.99)))
	return result.Err
}

// deactivate deactivates the users at even intervals over twice the time of a round, and returns when each deactivation
// was acknowledged.
func (b *bench) deactivate(ctx context.Context, s *stack, ids []string) (map[string]time.Time, error) {
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

// awaitDisabled returns how long after its acknowledgement each user was seen Disabled, in milliseconds.
func awaitDisabled(ctx context.Context, acknowledged map[string]time.Time, seen <-chan sighting) (samples []float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, disabledTimeout)
	defer cancel()
	for len(acknowledged) > 0 {
		select {
		case s, open := <-seen:
			if !open {
				return nil, fmt.Errorf("the watch ended before %d users were seen Disabled", len(acknowledged))
			}
			if at, waiting := acknowledged[s.id]; waiting {
				samples = append(samples, max(milliseconds(s.at.Sub(at)), 0)) // the state may be stored before the answer arrives
				delete(acknowledged, s.id)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%d users were not seen Disabled: %w", len(acknowledged), ctx.Err())
		}
	}
	return samples, nil
}
