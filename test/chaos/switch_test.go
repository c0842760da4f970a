package chaos

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func answered(status int, o *Op) *Op {
	o.Status = status
	if status == http.StatusForbidden {
		o.Outcome = Forbidden
	}
	return o
}

func TestNoRequestIsServedWhileTheSwitchIsOff(t *testing.T) {
	read := func() Op { return Op{Kind: Read, Subject: "1"} }
	for _, tt := range []struct {
		label, rule string // "" of a good one
		changed     []string
		ops         []*Op
	}{
		{"refused", "", nil, []*Op{answered(403, opAt(5000, 5010, read()))}},
		{"unavailable", "", nil, []*Op{answered(503, opAt(5000, 5010, read())), answered(0, opAt(5000, 5010, read()))}},
		{"served", "switch: off", nil, []*Op{answered(200, opAt(5000, 5010, read()))}},
		{"not found rather than refused", "switch: off", nil, []*Op{answered(404, opAt(5000, 5010, withOutcome(read(), NotFound)))}},
		{"stored", "switch: off", nil, []*Op{answered(201, opAt(5000, 5010, created("a", "", "1")))}},
		{"served before a replica had to know", "", nil, []*Op{answered(200, opAt(3500, 3510, read()))}},
		{"served when on again", "", nil, []*Op{answered(200, opAt(5000, 6500, read()))}},
		{"refused while on", "switch: on", nil, []*Op{answered(403, opAt(1000, 1010, read()))}},
		{"refused long after", "switch: on", nil, []*Op{answered(403, opAt(9000, 9010, read()))}},
		{"refused before a replica had to know", "", nil, []*Op{answered(403, opAt(6500, 6510, read()))}},
		{"changed without a request", "switch: nothing changes", []string{"user 1"}, nil},
		{"changed by a request that was refused", "switch: nothing changes", []string{"user 1"}, []*Op{answered(403, opAt(3900, 4500, deleted("1")))}},
		{"changed by a request that was under way", "", []string{"user 1"}, []*Op{answered(204, opAt(3000, 4500, deleted("1")))}},
		{"changed by a request that may be under way", "", []string{"user 1"}, []*Op{answered(0, opAt(3000, -1, withOutcome(deleted("1"), Unknown)))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			off := &Off{Asked: 2999 * time.Millisecond, Since: 3 * time.Second, Until: 6 * time.Second, Back: 6001 * time.Millisecond, Different: tt.changed}
			expectRule(t, CheckSwitch(tt.ops, []*Off{off}), tt.rule)
		})
	}
}

func TestWhatChangesWhileCheckSwitch(t *testing.T) {
	for _, tt := range []struct {
		label  string
		change func(o *Objects)
		want   int
	}{
		{"nothing", func(*Objects) {}, 0},
		{"a member removed", func(o *Objects) { o.Slices[0].Spec.Members = nil }, 0},
		{"a member added", func(o *Objects) { o.Slices[0].Spec.Members = list("n", "o") }, 1},
		{"a group renamed", func(o *Objects) { o.Groups[0].Spec.DisplayName = "other" }, 1},
		{"a group gone", func(o *Objects) { o.Groups = nil }, 1},
		{"a group that was being deleted gone", func(o *Objects) { o.Groups = o.Groups[:1] }, 0},
		{"a user changed", func(o *Objects) { o.Users[0].Spec.Title = "1" }, 1},
		{"a user suspended", func(o *Objects) { o.Users[0].Spec.Suspended = true }, 0},
		{"a user created", func(o *Objects) { o.Users = append(o.Users, o.Users[0]); o.Users[0].Name = "n" }, 1},
	} {
		t.Run(tt.label, func(t *testing.T) {
			both := func() Objects {
				o, _ := sampleLargeGroup()
				o.Users = append(o.Users, sampleUser("m", "m"))
				terminating := v1alpha1.CloudSSOGroup{}
				terminating.Name, terminating.DeletionTimestamp = "old", new(metav1.Now())
				o.Groups = append(o.Groups, terminating)
				return o
			}
			before, after := both(), both()
			tt.change(&after)
			if got := differences(before.footprint(), after.footprint()); len(got) != tt.want {
				t.Errorf("%v, want %d", got, tt.want)
			}
		})
	}
}

func TestAnEditStaysWhileTheSwitchIsOff(t *testing.T) {
	for _, tt := range []struct {
		label, rule string
		found       v1alpha1.CloudSSOUserSpec // the edited user when the switch is turned on
		other       *Op
	}{
		{"stays", "", v1alpha1.CloudSSOUserSpec{Title: "7", Active: new(false)}, answered(403, opAt(3900, 4100, renamed("1", "b")))},
		{"overwritten", "switch: edits stay", v1alpha1.CloudSSOUserSpec{Title: "2", Active: new(false)}, answered(200, opAt(3900, 4100, renamed("1", "b")))},
		{"overwritten by a request without an answer", "switch: edits stay", v1alpha1.CloudSSOUserSpec{Title: "2", Active: new(false)}, answered(0, opAt(3900, -1, withOutcome(renamed("1", "b"), Unknown)))},
		{"activated", "switch: edits stay", v1alpha1.CloudSSOUserSpec{Title: "7", Active: new(true)}, answered(200, opAt(3900, 4100, activated("1")))},
		{"overwritten without a request", "switch: edits stay", v1alpha1.CloudSSOUserSpec{Title: "2", Active: new(false)}, answered(200, opAt(100, 200, activated("1")))},
		{"changed by an operation of a bulk request", "", v1alpha1.CloudSSOUserSpec{Title: "2", Active: new(true)}, answered(200, opAt(3900, 4100, Op{Kind: Activate, Subject: "1", Batch: 2}))},
		{"restored by a create that waited", "", v1alpha1.CloudSSOUserSpec{Title: "2", Active: new(true)}, answered(201, opAt(3900, 4100, created("a", "e", "1")))},
	} {
		t.Run(tt.label, func(t *testing.T) {
			u := sampleUser("1", "a")
			u.Spec = tt.found
			edit := byAdministrator(7, opAt(4000, 4001, deactivated("1")))
			off := &Off{Asked: 2999 * time.Millisecond, Since: 3 * time.Second, Until: 6 * time.Second, Back: 6001 * time.Millisecond, Edits: []*Op{edit}}
			if !(Objects{Users: []v1alpha1.CloudSSOUser{u}}).has(edit) {
				off.Overwritten = off.Edits
			}
			expectRule(t, CheckSwitch([]*Op{opBy(2, 0, tt.other), edit}, []*Off{off}), tt.rule)
		})
	}
}
