package nameclaim

import (
	"testing"
	"time"
)

func TestADirectoryThatWaitsForItsActivationIsSweptLessOften(t *testing.T) {
	for age, want := range map[time.Duration]time.Duration{
		-time.Second: 15 * time.Second, time.Minute: 15 * time.Second, 10 * time.Minute: 150 * time.Second, 24 * time.Hour: time.Hour,
	} {
		if got := restoreInterval(age); got != want {
			t.Errorf("%s after its creation: %s", age, got)
		}
	}
}
