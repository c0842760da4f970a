package filter

import (
	"context"

	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

// Meter bounds the work of the filters of one request, so that a filter with many conditions does not take the
// processor from other clients. A nil Meter bounds nothing.
type Meter struct {
	left int
	ctx  context.Context
	done <-chan struct{} // of ctx

	whole *Meter // is charged too; nil if this is no part
}

// NewMeter returns a meter for a request that may make that many comparisons: see limits.FilterComparisons.
func NewMeter(ctx context.Context, comparisons int) *Meter {
	return &Meter{left: comparisons, ctx: ctx, done: ctx.Done()}
}

// Part returns a meter for a part of the work, which may make that many comparisons. They are charged to both.
func (m *Meter) Part(comparisons int) *Meter {
	if m == nil {
		return nil
	}
	return &Meter{left: comparisons, ctx: m.ctx, done: m.done, whole: m}
}

// Spend charges comparisons that follow, and reports whether they may be made: the budget lasts, and the request is
// not over. After it has returned false, the result of a Match means nothing, and no further charge is accepted.
func (m *Meter) Spend(comparisons int) bool {
	if m == nil {
		return true
	}
	if m.Ended() {
		return false
	}
	m.left -= comparisons
	if m.whole != nil {
		if !m.whole.Spend(comparisons) {
			m.left = -1
		}
		return !m.Ended()
	}
	select {
	case <-m.done:
		m.left = -1
	default:
	}
	return !m.Ended()
}

// Ended reports whether Spend has returned false.
func (m *Meter) Ended() bool { return m != nil && m.left < 0 }

// Err returns the error of a request that is over, and nil if the request may go on.
func (m *Meter) Err() error { return m.ctx.Err() }

// The length of a text, in bytes, that costs as much as one comparison. To write capitals small costs several times as
// much as to compare, and to fold text that is not ASCII many times.
const (
	comparedLength = 64
	loweredLength  = 16
	foldedLength   = 6
)

// TimeCost is how many further comparisons a dateTime costs, because it is formatted from the resource and then parsed.
const TimeCost = 4

// SpendText charges the length of a text and of its folded form, which is empty if the text is compared as it is. A
// short text costs nothing. The result is that of Spend.
func (m *Meter) SpendText(text, folded string) bool {
	switch {
	case folded == "" || folded == text && fold.IsASCII(text):
		return m.Spend(len(text) / comparedLength)
	case fold.IsASCII(text):
		return m.Spend(len(text) / loweredLength)
	}
	return m.Spend((len(text) + len(folded)) / foldedLength)
}
