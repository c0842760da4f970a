// Package scrape reads the Prometheus metrics of a process under test.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Samples returns every sample that a metrics endpoint shows now. A histogram is its _bucket, _sum and _count samples.
func Samples(ctx context.Context, c *http.Client, url string) (model.Vector, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	decoder := expfmt.SampleDecoder{
		Dec:  expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header)),
		Opts: &expfmt.DecodeOptions{Timestamp: model.Now()},
	}
	var all, family model.Vector
	for {
		switch err := decoder.Decode(&family); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		all = append(all, family...)
	}
}

// Sum returns the sum of the samples of a metric that have all of the labels. ok reports whether there is one.
func Sum(samples model.Vector, name string, labels model.LabelSet) (sum float64, ok bool) {
	for _, s := range samples {
		if s.Metric[model.MetricNameLabel] == model.LabelValue(name) && hasLabels(s.Metric, labels) {
			sum, ok = sum+float64(s.Value), true
		}
	}
	return sum, ok
}

func hasLabels(m model.Metric, labels model.LabelSet) bool {
	for name, value := range labels {
		if m[name] != value {
			return false
		}
	}
	return true
}
