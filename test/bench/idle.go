package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"

	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

const (
	// idleTimeout is more than the controllers take for 100,000 new users.
	idleTimeout  = 15 * time.Minute
	pollInterval = 100 * time.Millisecond
	// idlePolls is how often in succession the work queues must be empty, because events may still be on their way.
	idlePolls = 4
	// effectTimeout is when an effect that takes a second or so is given up.
	effectTimeout = time.Minute
)

// waitIdle waits until the controllers have nothing left to do, so that no round does the work of the one before.
func (s *stack) waitIdle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for idle := 0; idle < idlePolls; {
		busy, err := s.isBusy(ctx)
		if err != nil {
			return err
		}
		if idle++; busy {
			idle = 0
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the controllers still have work: %w", ctx.Err())
		}
	}
	return nil
}

// thenIdle returns a side that leaves the controllers nothing to do.
func (s *stack) thenIdle(measure side) side {
	return func(ctx context.Context) (float64, error) {
		value, err := measure(ctx)
		if err != nil {
			return value, err
		}
		return value, s.waitIdle(ctx)
	}
}

// uncompressed is a client whose requests do not make a manager compress its metrics.
var uncompressed = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: effectTimeout}

// isBusy reports whether the first replica has anything in its work queues. Only the leader has.
func (s *stack) isBusy(ctx context.Context) (bool, error) {
	samples, err := scrape.Samples(ctx, uncompressed, s.Manager.MetricsURL)
	for _, sample := range samples {
		switch sample.Metric[model.MetricNameLabel] {
		case "workqueue_depth", "workqueue_unfinished_work_seconds":
			if sample.Value > 0 {
				return true, err
			}
		}
	}
	return false, err
}

// pause waits for a duration.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
