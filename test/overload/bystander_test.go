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
	// patience is how long any answer may take: a tenth of what providers wait, on a machine that others use, with
	// the race detector.
	patience = 6 * time.Second
	// pause is between two requests of one that behaves.
	pause = 10 * time.Millisecond
)

// tags names users, each another.
var tags atomic.Int64

func newTag() string { return fmt.Sprintf("storm%d", tags.Add(1)) }

// highest is the most that was seen of what the manager says of itself.
type highest struct{ goroutines, resident, openFiles float64 }

// beside plays a storm. Meanwhile one that behaves creates, changes, reads and looks for users on a connection that
// it keeps, and another opens one for each of its requests; the manager is ready, and tells what it takes. Not
// one of their requests may fail or take long.
func beside(ctx context.Context, storm func()) (seen highest) {
	GinkgoHelper()
	over, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() { // also if the storm fails: nobody may be at it when the spec has ended
		end()
		all.Wait()
	}()
	latencies := map[string]*[]time.Duration{"kept": {}, "new": {}}
	kept := connect(environment.Token)
	all.Go(func() {
		defer GinkgoRecover()
		*latencies["kept"] = behave(over, func() error { return live(ctx, kept) })
	})
	all.Go(func() {
		defer GinkgoRecover()
		*latencies["new"] = behave(over, func() error { return visit(ctx) })
	})
	all.Go(func() {
		defer GinkgoRecover()
		behave(over, func() error {
			g := measure(ctx)
			seen.goroutines, seen.resident = max(seen.goroutines, g[goroutines]), max(seen.resident, g[resident])
			seen.openFiles = max(seen.openFiles, g[openFiles])
			if !environment.Manager.Ready(ctx) {
				return errors.New("the manager is not ready")
			}
			return nil
		})
	})
	storm()
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

// behave does something until it is over, at least once, with pauses. Each time it must succeed, soon.
func behave(over context.Context, do func() error) (latencies []time.Duration) {
	GinkgoHelper()
	for {
		began := time.Now()
		err := do()
		took := time.Since(began)
		Expect(err).NotTo(HaveOccurred())
		Expect(took).To(BeNumerically("<", patience))
		latencies = append(latencies, took)
		select {
		case <-over.Done():
			return latencies
		case <-time.After(pause):
		}
	}
}

// live is a user's life, shortened.
func live(ctx context.Context, c *load.Client) error {
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

// visit asks once, on a connection of its own.
func visit(ctx context.Context) error {
	c, err := load.NewClient(load.Options{BaseURL: environment.BaseURL, Token: environment.Token, CAFile: environment.CAFile})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do(ctx, "GET", "/Users?count=1", "")
	return err
}

// subsides says that the manager is as it was before a storm.
func subsides(ctx context.Context, before gauges) {
	GinkgoHelper()
	Eventually(func() float64 { return measure(ctx)[goroutines] }).Should(BeNumerically("<", before[goroutines]+othersGoroutines/2))
	Eventually(func() float64 { return measure(ctx)[openFiles] }).Should(BeNumerically("<", before[openFiles]+othersGoroutines/3))
}
