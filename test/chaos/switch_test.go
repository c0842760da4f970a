package chaos

import (
	"net/http"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func answered(status int, o *Op) *Op {
	o.Status = status
	if status == http.StatusForbidden {
		o.Outcome = Refused
	}
	return o
}

func TestTheSwitch(t *testing.T) {
	read := func() Op { return Op{Kind: Read, Subject: "1"} }
	for _, tt := range []struct {
		label, rule string // "" of a good one
		changed     []string
		ops         []*Op
	}{
		{"refused", "", nil, []*Op{answered(403, at(5000, 5010, read()))}},
		{"out of reach", "", nil, []*Op{answered(503, at(5000, 5010, read())), answered(0, at(5000, 5010, read()))}},
		{"served", "switch: off", nil, []*Op{answered(200, at(5000, 5010, read()))}},
		{"denied rather than refused", "switch: off", nil, []*Op{answered(404, at(5000, 5010, with(read(), Missing)))}},
		{"stored", "switch: off", nil, []*Op{answered(201, at(5000, 5010, created("a", "", "1")))}},
		{"served before a replica had to know", "", nil, []*Op{answered(200, at(3500, 3510, read()))}},
		{"served when on again", "", nil, []*Op{answered(200, at(5000, 6500, read()))}},
		{"refused while on", "switch: on", nil, []*Op{answered(403, at(1000, 1010, read()))}},
		{"refused long after", "switch: on", nil, []*Op{answered(403, at(9000, 9010, read()))}},
		{"refused before a replica had to know", "", nil, []*Op{answered(403, at(6500, 6510, read()))}},
		{"changed by nobody", "switch: nothing changes", []string{"user 1"}, nil},
		{"changed by one who was refused", "switch: nothing changes", []string{"user 1"}, []*Op{answered(403, at(3900, 4500, deleted("1")))}},
		{"changed by one who was under way", "", []string{"user 1"}, []*Op{answered(204, at(3000, 4500, deleted("1")))}},
		{"changed by one who may be under way", "", []string{"user 1"}, []*Op{answered(0, at(3000, -1, with(deleted("1"), Unknown)))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			off := &Off{Asked: 2999 * time.Millisecond, Since: 3 * time.Second, Until: 6 * time.Second, Back: 6001 * time.Millisecond, Changed: tt.changed}
			expectRule(t, SwitchedOff(tt.ops, []*Off{off}), tt.rule)
		})
	}
}

func TestWhatChangesWhileSwitchedOff(t *testing.T) {
	for _, tt := range []struct {
		label  string
		change func(o *Objects)
		want   int
	}{
		{"nothing", func(*Objects) {}, 0},
		{"a member taken out", func(o *Objects) { o.Slices[0].Spec.Members = nil }, 0},
		{"a member added", func(o *Objects) { o.Slices[0].Spec.Members = list("n", "o") }, 1},
		{"a group renamed", func(o *Objects) { o.Groups[0].Spec.DisplayName = "other" }, 1},
		{"a group gone", func(o *Objects) { o.Groups = nil }, 1},
		{"a user changed", func(o *Objects) { o.Users[0].Generation++ }, 1},
		{"a user made", func(o *Objects) { o.Users = append(o.Users, o.Users[0]); o.Users[0].Name = "n" }, 1},
	} {
		t.Run(tt.label, func(t *testing.T) {
			both := func() Objects {
				o, _ := crowded()
				o.Users = append(o.Users, userNamed("m"))
				return o
			}
			before, after := both(), both()
			tt.change(&after)
			if got := changes(before.footprint(), after.footprint()); len(got) != tt.want {
				t.Errorf("%v, want %d", got, tt.want)
			}
		})
	}
}

func userNamed(name string) (u v1alpha1.CloudSSOUser) {
	u.Name = name
	return u
}
