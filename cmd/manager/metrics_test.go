package main

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func TestRequestsAreMeasuredByResourceOperationAndStatus(t *testing.T) {
	registry, m := prometheus.NewPedanticRegistry(), newRequestMetrics()
	if err := m.register(registry); err != nil {
		t.Fatal(err)
	}
	m.observeRequest(scimserver.Record{Method: "BREW", ResourceType: "User", Operation: scimserver.OperationModify, Status: 403, Reason: "switched-off", Duration: time.Millisecond})
	m.observeLag("User", time.Millisecond)
	m.observeContention(v1alpha1.ClaimedByUser)
	m.retries.Inc()
	m.duration.WithLabelValues("User", "Modify", "403") // those of the request, or a second histogram
	if n := testutil.CollectAndCount(m.duration); n != 1 {
		t.Errorf("%d histograms", n)
	}
	for name, counter := range map[string]prometheus.Counter{
		"refusals":    m.refusals.WithLabelValues("switched-off"),
		"contentions": m.contention.WithLabelValues("CloudSSOUser"),
		"retries":     m.retries,
	} {
		if value := testutil.ToFloat64(counter); value != 1 {
			t.Errorf("%s: %g, want 1", name, value)
		}
	}
	if value := testutil.ToFloat64(m.contention.WithLabelValues("CloudSSOGroup")); value != 0 {
		t.Errorf("a contention of a group was counted: %g", value)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
