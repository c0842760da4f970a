package policy_test

import (
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func TestReservationSurvivesItsAnnotation(t *testing.T) {
	made := policy.Reservation{Nonce: "0b6c", Time: long.Time, Name: "alice van den berg"}
	const want = "0b6c 2027-01-31T12:00:00Z alice van den berg"
	if made.String() != want {
		t.Errorf("String() = %q, want %q", made.String(), want)
	}
	if got, ok := policy.ParseReservation(want); !ok || got != made {
		t.Errorf("ParseReservation(%q) = %+v, %t", want, got, ok)
	}
}

func TestWhatIsNoReservation(t *testing.T) {
	for _, value := range []string{
		"", "alice", "0b6c alice", "0b6c 2027-01-31T12:00:00Z", "0b6c 2027-01-31T12:00:00Z ",
		" 2027-01-31T12:00:00Z alice", "0b6c yesterday alice",
	} {
		if got, ok := policy.ParseReservation(value); ok {
			t.Errorf("ParseReservation(%q) = %+v", value, got)
		}
	}
}

func TestReservationIsAbandonedAfterItsLife(t *testing.T) {
	r := policy.Reservation{Time: long.Time}
	for after, want := range map[time.Duration]bool{0: false, policy.ReservationLife: false, policy.ReservationLife + 1: true} {
		if got := r.Abandoned(long.Add(after)); got != want {
			t.Errorf("abandoned after %s: %t", after, got)
		}
	}
}
