package access

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/test/jumpclock"
)

func TestClockIsSetBack(t *testing.T) {
	at := time.Now()
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
		if got := isSetBack(at, jumpclock.Ahead(at.Add(syncInterval), c.by-syncInterval)); got != c.want {
			t.Errorf("a clock that %s: isSetBack returns %t, want %t", name, got, c.want)
		}
	}
}

// The counts of a status are due by a reading of the clock, and the time of an assignment that comes later may have come
// already when the clock is put right.
func TestTimesThatAClockSkipsAreDue(t *testing.T) {
	key := types.NamespacedName{Namespace: "a", Name: "one"}
	at := time.Now()
	m := newMemory()
	m.schedule(key, at.Add(countInterval).Round(0).Add(time.Minute)) // spec.expiresAt
	m.schedule(key, at.Add(countInterval))
	if due := m.takeDue(at.Add(syncInterval)); len(due) > 0 {
		t.Errorf("%v is due before its times", due)
	}
	if due := m.takeDue(jumpclock.Ahead(at.Add(syncInterval), time.Hour)); len(due) != 1 {
		t.Errorf("%v is due after the clock was set ahead of spec.expiresAt, want %v", due, key)
	}
}
