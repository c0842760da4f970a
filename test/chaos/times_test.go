package chaos

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Assignment x gives its role from second 10 to second 20, or always without times.
func TestAccessIsThereAtItsTimesAlone(t *testing.T) {
	begin := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	second := func(n int) *metav1.Time { return &metav1.Time{Time: begin.Add(time.Duration(n) * time.Second)} }
	jump := func(from, to int) Period {
		return Period{time.Duration(from) * time.Second, time.Duration(to) * time.Second}
	}
	late := int(revocationBound / time.Second)
	for label, tt := range map[string]struct {
		from, until *metav1.Time
		presence    Presence
		jumps       []Period
		outage      bool // from second 21 to second 25
		ends        []time.Duration
		isWrong     bool
	}{
		"always, without a time": {nil, nil, present("", 0, -1), nil, false, nil, false},
		"within its time":        {second(10), second(20), present("", 11, 19), nil, false, nil, false},
		"until soon after":       {second(10), second(20), present("", 11, 21), nil, false, []time.Duration{time.Second}, false},
		"too long":               {nil, second(20), present("", 11, 21+late), nil, false, nil, true},
		"to the end of the run":  {nil, second(20), present("", 11, -1), nil, false, nil, true},
		"too long, without an API server for some of it": {nil, second(20), present("", 11, 23+late), nil, true, []time.Duration{time.Duration(3+late) * time.Second}, false},
		"before its time":                             {second(10), nil, present("", 9, -1), nil, false, nil, true},
		"before its time, by a wrong clock":           {second(100), nil, present("", 5, 9), []Period{jump(4, 8)}, false, []time.Duration{time.Second}, false},
		"before its time, long after the wrong clock": {second(100), nil, present("", 5, 9+late), []Period{jump(4, 8)}, false, nil, true},
		"after its time, by a wrong clock":            {nil, second(20), present("", 31, 34), []Period{jump(30, 34)}, false, nil, false},
		"after its time, before the wrong clock":      {nil, second(20), present("", 21+late, -1), []Period{jump(22+late, 30+late)}, false, nil, true},
		"across wrong clocks":                         {nil, second(20), present("", 11, 31), []Period{jump(25, 30), jump(19, 25)}, false, []time.Duration{time.Second}, false},
	} {
		t.Run(label, func(t *testing.T) {
			times := &Times{Since: func(at time.Time) time.Duration { return at.Sub(begin) }, Jumps: tt.jumps}
			if tt.outage {
				times.Disturbances = []Disturbance{{Slot: 1, From: 21 * time.Second, To: 25 * time.Second, Fault: "etcd killed"}}
			}
			a := v1alpha1.CloudSSOAccessAssignment{Spec: v1alpha1.CloudSSOAccessAssignmentSpec{NotBefore: tt.from, ExpiresAt: tt.until}}
			a.Name = "x"
			if wrong := times.Check([]Presence{tt.presence}, []v1alpha1.CloudSSOAccessAssignment{a}); (len(wrong) > 0) != tt.isWrong {
				t.Errorf("violations: %v, want some: %t", wrong, tt.isWrong)
			}
			if !slices.Equal(times.Ends, tt.ends) {
				t.Errorf("ended after %v, want %v", times.Ends, tt.ends)
			}
		})
	}
}
