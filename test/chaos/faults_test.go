package chaos

import (
	"testing"
	"time"
)

func TestAReplicaServesSoonAfterTheAPIServerStarts(t *testing.T) {
	for _, tt := range []struct {
		label  string
		starts []int // in seconds before the last one
		took   int   // seconds
		late   bool
	}{
		{"one start", []int{0}, 9, false},
		{"one start, late", []int{0}, 11, true},
		{"three starts in two minutes", []int{110, 50, 0}, 9, false},
		{"three starts in two minutes, late", []int{110, 50, 0}, 11, true},
		{"four starts in two minutes", []int{110, 50, 30, 0}, 29, false},
		{"four starts in two minutes, late", []int{110, 50, 30, 0}, 31, true},
		{"four starts in three minutes, late", []int{170, 50, 30, 0}, 11, true},
	} {
		t.Run(tt.label, func(t *testing.T) {
			seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
			const last = 300
			var starts []time.Duration
			for _, before := range tt.starts {
				starts = append(starts, seconds(last-before))
			}
			if problems := servedLate(1, starts, seconds(last+tt.took)); len(problems) > 0 != tt.late {
				t.Errorf("%v, want late: %v", problems, tt.late)
			}
		})
	}
}

func TestACanaryShowsThatAReplicaHasCaughtUp(t *testing.T) {
	c := canaries{n: 7, member: "pool-7"}
	for _, tt := range []struct {
		label string
		seen  Seen
		shown bool
	}{
		{"user", Seen{ID: canaryUser, Marker: 7}, true},
		{"older user", Seen{ID: canaryUser, Marker: 6}, false},
		{"group and slice", Seen{ID: canaryGroup, Marker: 7, Members: []string{"pool-7"}}, true},
		{"group and older slice", Seen{ID: canaryGroup, Marker: 7, Members: []string{"pool-6"}}, false},
		{"older group", Seen{ID: canaryGroup, Marker: 6, Members: []string{"pool-7"}}, false},
	} {
		t.Run(tt.label, func(t *testing.T) {
			if got := c.areShown(tt.seen); got != tt.shown {
				t.Errorf("shown: %v, want %v", got, tt.shown)
			}
		})
	}
}
