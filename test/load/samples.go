package load

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Samples are latencies, all of them.
type Samples []time.Duration

func (s Samples) sort() { slices.Sort(s) }

// Percentile returns the percentile of ascending samples by nearest rank: a latency that occurred. q is between 0 and 1.
func (s Samples) Percentile(q float64) time.Duration { return Percentile(s, q) }

// Percentile returns the percentile of ascending values by nearest rank, or zero if there are none.
func Percentile[T cmp.Ordered](ascending []T, q float64) (value T) {
	if len(ascending) == 0 {
		return value
	}
	rank := int(math.Ceil(q * float64(len(ascending))))
	return ascending[min(max(rank, 1), len(ascending))-1]
}

// Median returns the median of values in any order.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	ascending := slices.Sorted(slices.Values(values))
	middle := len(ascending) / 2
	if len(ascending)%2 == 1 {
		return ascending[middle]
	}
	return (ascending[middle-1] + ascending[middle]) / 2
}
