package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// announcement is a manager.Runnable that logs once that the SCIM service is up, and where. It warns of the public URL of the manifests.
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
	if isExample(a.url) {
		a.log.Warn("--scim-public-url is an example. The service names it in its answers, and identity providers cannot reach it: "+
			"set it to the URL at which they reach the service", "url", a.url)
	}
	return nil
}

// isExample reports whether a URL is in the domain of the examples in config, charts and docs (RFC 2606).
func isExample(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.HasSuffix("."+u.Hostname(), ".example.com")
}
