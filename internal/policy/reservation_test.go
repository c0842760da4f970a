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
	const life = policy.ReservationLife
	for _, test := range []struct {
		name string
		made time.Time
		want bool
	}{
		{"just made", long.Time, false},
		{"at the end of its life", long.Add(-life), false},
		{"after its life", long.Add(-life - 1), true},
		{"by a clock that is ahead", long.Add(life), false},
		{"by a clock that is ahead by more than its life", long.Add(life + 1), true},
		{"in another century", long.AddDate(1000, 0, 0), true},
		{"at no time", time.Time{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (policy.Reservation{Time: test.made}).Abandoned(long.Time); got != test.want {
				t.Errorf("abandoned: %t", got)
			}
		})
	}
}
