package access

import (
	"testing"
	"time"
)

func TestClockIsSetBack(t *testing.T) {
	at := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		by   time.Duration
		want bool
	}{
		"goes on":           {100 * time.Millisecond, false},
		"stands still":      {0, false},
		"corrected":         {-time.Second, false},
		"set back":          {-1001 * time.Millisecond, true},
		"set back by a day": {-24 * time.Hour, true},
		"set ahead":         {24 * time.Hour, false},
	} {
		if got := isSetBack(at, at.Add(c.by)); got != c.want {
			t.Errorf("a clock that %s: isSetBack returns %t, want %t", name, got, c.want)
		}
	}
}
