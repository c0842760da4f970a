package main

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
)

func rounds(values ...[]float64) func(context.Context, *bench, int) ([][]float64, error) {
	return func(_ context.Context, _ *bench, round int) ([][]float64, error) {
		return [][]float64{values[round]}, nil
	}
}

func TestFigureIsTheMedianOfItsRounds(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atLeast(0.8)}}, round: rounds([]float64{0.7}, []float64{1}, []float64{0.9})}
	f := m.run(t.Context(), &bench{rounds: 3})[0]
	g.Expect(*f.Measured).To(Equal(0.9))
	g.Expect([]float64{*f.Low, *f.High}).To(Equal([]float64{0.7, 1}))
	g.Expect(*f.Met).To(BeTrue())
}

func TestPercentileIsTakenOverTheSamplesOfAllRounds(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atMost(5), quantile: 0.99}}, round: rounds([]float64{1, 2, 3}, []float64{100}, []float64{2, 2})}
	f := m.run(t.Context(), &bench{rounds: 3})[0]
	g.Expect(*f.Measured).To(Equal(100.0)) // not the median of 3, 100 and 2
	g.Expect(f.Samples).To(Equal(6))
	g.Expect(*f.Met).To(BeFalse())
}

func TestFailedMeasurementHasNoResult(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atMost(5)}}, round: func(context.Context, *bench, int) ([][]float64, error) {
		return nil, errors.New("503")
	}}
	figures := m.run(t.Context(), &bench{rounds: 3})
	g.Expect(figures[0].Failure).To(Equal("503"))
	g.Expect(figures[0].Met).To(BeNil())
	g.Expect(checkFigures(figures)).To(HaveOccurred())
}

func TestFigureThatCannotBeMeasuredIsNoFailure(t *testing.T) {
	g := NewWithT(t)
	m := measurement{name: "m", rows: []row{{figure: "f", target: atMost(5)}}, round: func(context.Context, *bench, int) ([][]float64, error) {
		return nil, notMeasured("groups end at 1,000 members")
	}}
	figures := m.run(t.Context(), &bench{rounds: 3})
	g.Expect(figures[0].Notes).To(ConsistOf("not measured: groups end at 1,000 members"))
	g.Expect(checkFigures(figures)).To(Succeed())
}

func TestMeasurementsHaveDifferentNames(t *testing.T) {
	g := NewWithT(t)
	names := map[string]bool{}
	b := &bench{users: 100_000, groups: 100, directories: 10, beyond: true}
	for _, m := range b.measurements() {
		g.Expect(names).NotTo(HaveKey(m.name))
		names[m.name] = true
		for _, r := range m.namedRows(b.users) {
			g.Expect(r.figure).NotTo(ContainSubstring(largeUsers))
		}
	}
}

func TestFormatNumberKeepsThreeSignificantDigits(t *testing.T) {
	g := NewWithT(t)
	for v, text := range map[float64]string{2: "2", 0.8123: "0.81", 12.345: "12.3", 1234.5: "1234", 0.0213: "0.0213"} {
		g.Expect(formatNumber(v)).To(Equal(text))
	}
}
