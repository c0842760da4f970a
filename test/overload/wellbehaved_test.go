package overload_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gmeasure"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// maxLatency is how long any response may take: a tenth of the timeout of providers.
	maxLatency = 6 * time.Second
	// pause is the time between two requests of a well-behaved client.
	pause = 10 * time.Millisecond
)

// tags counts the tags, because each user needs a name of its own.
var tags atomic.Int64

func newTag() string { return fmt.Sprintf("overload%d", tags.Add(1)) }

// peak has the highest values of the manager's metrics during a load.
type peak struct{ goroutines, resident, openFiles float64 }

// withWellBehavedClients runs a load. Meanwhile one client creates, changes, reads and finds users on one kept
// connection, another client opens a connection for each request, and the manager's readiness and metrics are read.
// None of these requests may fail or take longer than maxLatency.
func withWellBehavedClients(ctx context.Context, overload func()) (seen peak) {
	GinkgoHelper()
	over, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() { // also if the load fails, because the clients must end before the spec
		end()
		all.Wait()
	}()
	latencies := map[string]*[]time.Duration{"kept": {}, "new": {}}
	kept := connect(environment.Token)
	all.Go(func() {
		defer GinkgoRecover()
		*latencies["kept"] = repeat(over, func() error { return manageUser(ctx, kept) })
	})
	all.Go(func() {
		defer GinkgoRecover()
		*latencies["new"] = repeat(over, func() error { return queryOnce(ctx) })
	})
	all.Go(func() {
		defer GinkgoRecover()
		repeat(over, func() error {
			g := measure(ctx)
			seen.goroutines, seen.resident = max(seen.goroutines, g[goroutines]), max(seen.resident, g[resident])
			seen.openFiles = max(seen.openFiles, g[openFiles])
			if !environment.Manager.Ready(ctx) {
				return errors.New("the manager is not ready")
			}
			return nil
		})
	})
	overload()
	end()
	all.Wait()
	Expect(measure(ctx)).To(HaveKeyWithValue(`cloudsso_scim_cache_lag_seconds_count{resource="User"}`, BeNumerically(">", 0)))
	e := gmeasure.NewExperiment(CurrentSpecReport().LeafNodeText)
	for name, l := range latencies {
		for _, d := range *l {
			e.RecordDuration(name+" connection", d)
		}
	}
	e.RecordValue("goroutines", seen.goroutines)
	e.RecordValue("resident MB", seen.resident/1e6)
	e.RecordValue("open files", seen.openFiles)
	AddReportEntry(e.Name, e)
	Expect(seen.resident).To(BeNumerically("<", residentBound))
	return seen
}

// repeat calls do at least once, with pauses, until over ends. Each call must succeed within maxLatency.
func repeat(over context.Context, do func() error) (latencies []time.Duration) {
	GinkgoHelper()
	for {
		began := time.Now()
		err := do()
		took := time.Since(began)
		Expect(err).NotTo(HaveOccurred())
		Expect(took).To(BeNumerically("<", maxLatency))
		latencies = append(latencies, took)
		select {
		case <-over.Done():
			return latencies
		case <-time.After(pause):
		}
	}
}

// manageUser creates a user, deactivates it, reads it and finds it.
func manageUser(ctx context.Context, c *load.Client) error {
	tag := newTag()
	created, err := c.Do(ctx, "POST", "/Users", load.User(tag))
	if err != nil {
		return err
	}
	for _, r := range []struct{ method, path, body string }{
		{"PATCH", "/Users/" + created.ID(), load.SetActive(false)},
		{"GET", "/Users/" + created.ID(), ""},
		{"GET", load.Find("userName", load.UserName(tag)), ""},
	} {
		if _, err := c.Do(ctx, r.method, r.path, r.body); err != nil {
			return err
		}
	}
	return nil
}

// queryOnce sends one query on a new connection.
func queryOnce(ctx context.Context) error {
	c, err := load.NewClient(load.Options{BaseURL: environment.BaseURL, Token: environment.Token, CAFile: environment.CAFile})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do(ctx, "GET", "/Users?count=1", "")
	return err
}

// expectRecovery waits until the manager has about as many goroutines and open files as before a load.
func expectRecovery(ctx context.Context, before gauges) {
	GinkgoHelper()
	Eventually(func() float64 { return measure(ctx)[goroutines] }).Should(BeNumerically("<", before[goroutines]+goroutineMargin/2))
	Eventually(func() float64 { return measure(ctx)[openFiles] }).Should(BeNumerically("<", before[openFiles]+goroutineMargin/3))
}
