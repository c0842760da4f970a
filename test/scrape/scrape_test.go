package scrape_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"

	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

func TestSamplesAreFoundByNameAndLabels(t *testing.T) {
	g := NewWithT(t)
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"verb", "resource"})
	requests.WithLabelValues("POST", `a "quoted", odd} name`).Add(3)
	requests.WithLabelValues("POST", "users").Add(1.5e6)
	requests.WithLabelValues("GET", "users").Inc()
	lag := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lag_seconds"})
	lag.Observe(0.1)
	registry.MustRegister(requests, lag)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()

	samples, err := scrape.Samples(t.Context(), http.DefaultClient, server.URL)
	g.Expect(err).NotTo(HaveOccurred())
	for _, expected := range []struct {
		name   string
		labels model.LabelSet
		sum    float64
	}{
		{"requests_total", nil, 1_500_004},
		{"requests_total", model.LabelSet{"verb": "POST"}, 1_500_003},
		{"requests_total", model.LabelSet{"verb": "POST", "resource": `a "quoted", odd} name`}, 3},
		{"lag_seconds_count", nil, 1},
	} {
		sum, ok := scrape.Sum(samples, expected.name, expected.labels)
		g.Expect(ok).To(BeTrue(), expected.name)
		g.Expect(sum).To(Equal(expected.sum), "%s %s", expected.name, expected.labels)
	}
	_, ok := scrape.Sum(samples, "requests", nil)
	g.Expect(ok).To(BeFalse(), "a name is not a prefix")
}

func TestSamplesReportsWhatIsNotAnExposition(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) },
		"other text":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no metrics here\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			_, err := scrape.Samples(t.Context(), http.DefaultClient, server.URL)
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(server.URL)))
		})
	}
}
