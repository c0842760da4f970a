package policy

import (
	"strings"
	"time"
)

// ReservationLife is how long a reservation of a name is honoured: longer than any request lives, so
// that only one whose process died is ever swept.
const ReservationLife = time.Minute

// Reservation says that an object is about to take a name (docs/adr/0002-names.md). It is the value of
// the annotation v1alpha1.AnnotationReservation.
type Reservation struct {
	Nonce string    // tells one reservation from the next; no spaces
	Time  time.Time // when it was made
	Name  string    // the folded name
}

// String is the annotation's value: "<nonce> <time, RFC 3339> <folded name>".
func (r Reservation) String() string {
	return r.Nonce + " " + r.Time.UTC().Format(time.RFC3339) + " " + r.Name
}

// ParseReservation reads an annotation's value. What somebody else wrote there reserves nothing.
func ParseReservation(value string) (r Reservation, ok bool) {
	nonce, rest, _ := strings.Cut(value, " ")
	at, name, _ := strings.Cut(rest, " ")
	made, err := time.Parse(time.RFC3339, at)
	if err != nil || nonce == "" || name == "" {
		return Reservation{}, false
	}
	return Reservation{Nonce: nonce, Time: made, Name: name}, true
}

// Abandoned reports whether nobody is going to commit the reservation any more. Clocks differ, but not by
// its whole life: one from beyond would hold its name until its time has come.
func (r Reservation) Abandoned(now time.Time) bool { return now.Sub(r.Time).Abs() > ReservationLife }
