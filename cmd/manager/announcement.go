package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// announcement is a manager.Runnable that logs once that the SCIM service is up, and where.
type announcement struct {
	ready        func(*http.Request) error
	log          *slog.Logger
	address, url string
	tls          bool
}

// readyPollInterval is how often the announcement asks whether the service is ready: a small part of the seconds that the
// informers take.
const readyPollInterval = 50 * time.Millisecond

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*announcement) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (a *announcement) Start(ctx context.Context) error {
	poll := time.NewTicker(readyPollInterval)
	defer poll.Stop()
	for a.ready(nil) != nil {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil
		}
	}
	a.log.Info("The SCIM service is up", "address", a.address, "url", a.url, "tls", a.tls)
	return nil
}
