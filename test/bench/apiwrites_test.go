package main

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/common/model"
)

func TestCountWritesLeavesOutReadsAndLeases(t *testing.T) {
	g := NewWithT(t)
	request := func(verb, resource, subresource string, value float64) *model.Sample {
		return &model.Sample{
			Metric: model.Metric{
				model.MetricNameLabel: "apiserver_request_total",
				"verb":                model.LabelValue(verb), "resource": model.LabelValue(resource), "subresource": model.LabelValue(subresource),
			},
			Value: model.SampleValue(value),
		}
	}
	g.Expect(countWrites(model.Vector{
		request("POST", "cloudssousers", "", 3),
		request("PATCH", "cloudssousers", "", 2),
		request("PATCH", "cloudssousers", "status", 5),
		request("GET", "cloudssousers", "", 7),
		request("PUT", "leases", "", 11),
		{Metric: model.Metric{model.MetricNameLabel: "apiserver_other_total", "verb": "POST", "resource": "cloudssousers"}, Value: 13},
	})).To(Equal(map[string]float64{"cloudssousers": 5, "cloudssousers/status": 5}))
}
