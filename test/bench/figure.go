package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// row is one figure of the table.
type row struct {
	figure string
	unit   string // "" is a ratio
	target target
	// quantile makes the figure that quantile of the samples of all rounds. 0 is the median of the rounds.
	quantile float64
}

// largeUsers stands in a figure's name for the number of users of the large directory.
const largeUsers = "{users}"

// namedRows returns the rows with that number in their names.
func (m *measurement) namedRows(users int) []row {
	rows := slices.Clone(m.rows)
	for i := range rows {
		rows[i].figure = strings.ReplaceAll(rows[i].figure, largeUsers, withCommas(users))
	}
	return rows
}

// withCommas returns a number with commas between its thousands.
func withCommas(n int) string {
	number := strconv.Itoa(n)
	for at := len(number) - 3; at > 0; at -= 3 {
		number = number[:at] + "," + number[at:]
	}
	return number
}

// target is what a figure must reach. The zero value is none: the figure is for information.
type target struct {
	sign  string // "≥" or "≤"
	bound float64
}

func atLeast(bound float64) target { return target{"≥", bound} }
func atMost(bound float64) target  { return target{"≤", bound} }

func (t target) isMet(value float64) bool {
	if t.sign == "≥" {
		return value >= t.bound
	}
	return value <= t.bound
}

// measurement measures one or several figures together.
type measurement struct {
	name  string
	needs []size // stacks that it is measured on
	rows  []row
	// maxRounds bounds the rounds; 0 is -rounds.
	maxRounds int
	// before runs while the directories are still empty; may be nil.
	before func(context.Context, *bench) error
	// round measures one round, and returns the samples of each row.
	round func(ctx context.Context, b *bench, round int) ([][]float64, error)
}

// notMeasured says why a figure cannot be measured. It is no failure.
type notMeasured string

func (n notMeasured) Error() string { return "not measured: " + string(n) }

// observations are absolute figures behind a ratio, by name.
type observations struct {
	names  []string
	values map[string][]float64
}

// observe records an absolute figure.
func (o *observations) observe(name string, value float64) {
	if o.values == nil {
		o.values = map[string][]float64{}
	}
	if _, known := o.values[name]; !known {
		o.names = append(o.names, name)
	}
	o.values[name] = append(o.values[name], value)
}

// run runs a measurement, and returns its figures. A failure is stated in the figures.
func (m *measurement) run(ctx context.Context, b *bench) []figure {
	b.observations = observations{}
	rounds := b.rounds
	if m.maxRounds > 0 {
		rounds = min(rounds, m.maxRounds)
	}
	all := make([][][]float64, len(m.rows)) // by row, by round
	var failure error
	for round := 0; round < rounds && failure == nil; round++ {
		var samples [][]float64
		samples, failure = m.round(ctx, b, round)
		for i := range samples {
			if len(samples[i]) > 0 {
				all[i] = append(all[i], samples[i])
			}
		}
	}
	figures := make([]figure, len(m.rows))
	for i, r := range m.namedRows(b.users) {
		figures[i] = r.summarize(all[i])
		figures[i].Measurement = m.name
		figures[i].explain(failure, len(all[i]) > 0)
	}
	figures[0].Absolute = b.medians()
	return figures
}

// figure is the result of a row.
type figure struct {
	Measurement string             `json:"measurement"`
	Figure      string             `json:"figure"`
	Unit        string             `json:"unit,omitempty"`
	Target      string             `json:"target,omitempty"`
	Measured    *float64           `json:"measured,omitempty"`
	Low         *float64           `json:"low,omitempty"`
	High        *float64           `json:"high,omitempty"`
	Met         *bool              `json:"met,omitempty"`
	Rounds      []float64          `json:"rounds,omitempty"`
	Samples     int                `json:"samples,omitempty"`
	Absolute    map[string]float64 `json:"absolute,omitempty"`
	Notes       []string           `json:"notes,omitempty"`
	Failure     string             `json:"failure,omitempty"`
}

// summarize returns the figure of the samples of all rounds.
func (r row) summarize(rounds [][]float64) figure {
	f := figure{Figure: r.figure, Unit: r.unit}
	if r.target.sign != "" {
		f.Target = fmt.Sprintf("%s %s", r.target.sign, formatNumber(r.target.bound))
	}
	if len(rounds) == 0 {
		return f
	}
	var all []float64
	for _, samples := range rounds {
		f.Rounds = append(f.Rounds, r.valueOf(samples))
		all = append(all, samples...)
	}
	measured, low, high := load.Median(f.Rounds), slices.Min(f.Rounds), slices.Max(f.Rounds)
	if r.quantile > 0 {
		measured, f.Samples = r.valueOf(all), len(all)
	}
	f.Measured, f.Low, f.High = &measured, &low, &high
	if r.target.sign != "" {
		met := r.target.isMet(measured)
		f.Met = &met
	}
	return f
}

func (r row) valueOf(samples []float64) float64 {
	if r.quantile == 0 {
		return load.Median(samples)
	}
	return load.Percentile(slices.Sorted(slices.Values(samples)), r.quantile)
}

// explain adds why a figure is missing, or that its measurement failed.
func (f *figure) explain(err error, measured bool) {
	var reason notMeasured
	switch {
	case err == nil:
	case errors.As(err, &reason):
		if !measured {
			f.Notes = append(f.Notes, reason.Error())
		}
	default:
		f.Failure, f.Met = err.Error(), nil
	}
}

// medians returns the median of each observation.
func (o *observations) medians() map[string]float64 {
	if len(o.names) == 0 {
		return nil
	}
	medians := map[string]float64{}
	for _, name := range o.names {
		medians[name] = math.Round(load.Median(o.values[name])*1000) / 1000
	}
	return medians
}
