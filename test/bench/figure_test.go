package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func rounds(values ...[]float64) func(context.Context, *bench, int) ([][]float64, error) {
	return func(_ context.Context, _ *bench, round int) ([][]float64, error) {
		return [][]float64{values[round]}, nil
	}
}

func TestAFigureIsTheMedianOfItsRounds(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atLeast(0.8)}}, round: rounds([]float64{0.7}, []float64{1}, []float64{0.9})}
	f := m.run(t.Context(), &bench{rounds: 3})[0]
	g.Expect(*f.Measured).To(Equal(0.9))
	g.Expect([]float64{*f.Low, *f.High}).To(Equal([]float64{0.7, 1}))
	g.Expect(*f.Met).To(BeTrue())
}

func TestAPercentileIsOfAllSamplesOfAllRounds(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atMost(5), quantile: 0.99}}, round: rounds([]float64{1, 2, 3}, []float64{100}, []float64{2, 2})}
	f := m.run(t.Context(), &bench{rounds: 3})[0]
	g.Expect(*f.Measured).To(Equal(100.0)) // no mean of 3, 100 and 2
	g.Expect(f.Samples).To(Equal(6))
	g.Expect(*f.Met).To(BeFalse())
}

func TestAFailureIsNoResult(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atMost(5)}}, round: func(context.Context, *bench, int) ([][]float64, error) {
		return nil, errors.New("503")
	}}
	figures := m.run(t.Context(), &bench{rounds: 3})
	g.Expect(figures[0].Failure).To(Equal("503"))
	g.Expect(figures[0].Met).To(BeNil())
	g.Expect(verdict(figures)).To(HaveOccurred())
}

func TestWhatCannotBeMeasuredIsNoFailure(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atMost(5)}}, round: func(context.Context, *bench, int) ([][]float64, error) {
		return nil, notMeasured("groups end at 1,000 members")
	}}
	figures := m.run(t.Context(), &bench{rounds: 3})
	g.Expect(figures[0].Notes).To(ConsistOf("not measured: groups end at 1,000 members"))
	g.Expect(verdict(figures)).To(Succeed())
}

func TestMeasurementsHaveNamesOfTheirOwn(t *testing.T) {
	g := NewWithT(t)
	names := map[string]bool{}
	for _, m := range measurements(100_000) {
		g.Expect(names).NotTo(HaveKey(m.name))
		names[m.name] = true
		g.Expect(m.named(100_000)[0].figure).NotTo(ContainSubstring(largeUsers))
	}
}

func TestMetricsAreReadByNameAndLabel(t *testing.T) {
	g := NewWithT(t)
	found, err := parseMetrics(strings.NewReader("# HELP a b\n"+
		`a_total{verb="PATCH",resource="cloudssousers",subresource="status"} 3`+"\n"+
		"a_total_seconds 4\n"+
		"b 1.5e+06\n"), []string{"a_total", "b"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(HaveLen(2))
	g.Expect(found["a_total"]).To(ConsistOf(metric{map[string]string{"verb": "PATCH", "resource": "cloudssousers", "subresource": "status"}, 3}))
	g.Expect(found["b"][0].value).To(Equal(1.5e6))
}

func TestNumbersSayWhatMatters(t *testing.T) {
	g := NewWithT(t)
	for v, text := range map[float64]string{2: "2", 0.8123: "0.81", 12.345: "12.3", 1234.5: "1234", 0.0213: "0.0213"} {
		g.Expect(plain(v)).To(Equal(text))
	}
}
