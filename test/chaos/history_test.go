package chaos

import (
	"net/http"
	"testing"
	"time"
)

func TestARequestWithoutAnAnswerMayHaveItsEffectLater(t *testing.T) {
	for _, tt := range []struct {
		label string
		o     Op
		want  time.Duration
	}{
		{"no answer", Op{Ended: 15 * time.Second}, 51 * time.Second},
		{"503", Op{Ended: 3 * time.Second, Status: http.StatusServiceUnavailable}, 29 * time.Second},
		{"no answer to a bulk request", Op{Ended: 15 * time.Second, Batch: 1}, 66 * time.Second},
	} {
		t.Run(tt.label, func(t *testing.T) {
			if got := tt.o.latest(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestARequestOfUnknownOutcomeDoesNotReturn(t *testing.T) {
	h := NewHistory()
	o := opAt(1, 2, Op{Kind: Create, Outcome: Unknown})
	h.Record(o)
	if o.Return != Forever || o.Ended != 2*time.Millisecond || len(h.Ops()) != 1 {
		t.Errorf("returns %s, ended %s, %d recorded", clock(o.Return), o.Ended, len(h.Ops()))
	}
}
