package jumpclock

import (
	"testing"
	"time"
)

func TestTimeOfDayJumpsAlone(t *testing.T) {
	now := time.Now()
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour, time.Nanosecond} {
		jumped := Ahead(now, by)
		if got := jumped.Sub(now); got != 0 {
			t.Errorf("a jump by %v moves the monotonic reading by %v", by, got)
		}
		if got := jumped.Round(0).Sub(now.Round(0)); got != by {
			t.Errorf("a jump by %v moves the time of day by %v", by, got)
		}
		if got := jumped.Add(time.Minute).Sub(now); got != time.Minute {
			t.Errorf("a minute after a jump by %v the monotonic reading has moved by %v", by, got)
		}
		if got := Ahead(now.Round(0), by).Sub(now.Round(0)); got != by {
			t.Errorf("a jump by %v moves a time without a monotonic reading by %v", by, got)
		}
	}
}
