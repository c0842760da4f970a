package load

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
)

func TestPercentilesAreLatenciesThatOccurred(t *testing.T) {
	g := NewWithT(t)
	s := Samples{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}
	g.Expect(s.Percentile(0)).To(Equal(time.Duration(1)))
	g.Expect(s.Percentile(0.5)).To(Equal(time.Duration(5)))
	g.Expect(s.Percentile(0.9)).To(Equal(time.Duration(9)))
	g.Expect(s.Percentile(0.99)).To(Equal(time.Duration(100)))
	g.Expect(Samples(nil).Percentile(0.5)).To(BeZero())
}

func TestMedianOfAnEvenNumberIsBetweenTheMiddleTwo(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Median([]float64{9, 1, 5})).To(Equal(5.0))
	g.Expect(Median([]float64{9, 1, 5, 3})).To(Equal(4.0))
}

func TestRunEndsByCount(t *testing.T) {
	var done atomic.Int64
	r := Run(t.Context(), Plan{Workers: 4, Count: 37}, func(context.Context, int, int) error {
		done.Add(1)
		return nil
	})
	g := NewWithT(t)
	g.Expect(done.Load()).To(BeEquivalentTo(37))
	g.Expect(r.Latencies).To(HaveLen(37))
	g.Expect(r.Throughput()).To(BeNumerically(">", 0))
}

func TestRunEndsByTimeAndLeavesOutTheWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Int64
		plan := Plan{Workers: 2, For: 100 * time.Millisecond, WarmUp: 50 * time.Millisecond}
		r := Run(t.Context(), plan, func(context.Context, int, int) error {
			<-time.After(time.Millisecond) // of the bubble's clock
			done.Add(1)
			return nil
		})
		g := NewWithT(t)
		g.Expect(r.Elapsed).To(Equal(50 * time.Millisecond))
		g.Expect(len(r.Latencies)).To(BeNumerically("<", done.Load()))
	})
}

func TestRunEndsAfterManyErrors(t *testing.T) {
	r := Run(t.Context(), Plan{Workers: 1}, func(context.Context, int, int) error { return errors.New("no") })
	g := NewWithT(t)
	g.Expect(r.Errors).To(Equal(maxErrors))
	g.Expect(r.Err).To(HaveOccurred())
	g.Expect(r.Latencies).To(BeEmpty())
}

func TestRefusalIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "busy", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	c, err := NewClient(Options{BaseURL: server.URL})
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = c.Do(t.Context(), http.MethodGet, "/Users/a", "")
	var refusal *Refusal
	g.Expect(errors.As(err, &refusal)).To(BeTrue())
	g.Expect(refusal.Status).To(Equal(http.StatusServiceUnavailable))
}
