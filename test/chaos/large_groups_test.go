package chaos

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func list(names ...string) (members []v1alpha1.Member) {
	for _, name := range names {
		members = append(members, v1alpha1.Member{Name: name})
	}
	return members
}

// sampleLargeGroup returns a group of m and n, which is in a slice, and the request that created it.
func sampleLargeGroup() (Objects, *Op) {
	g := v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, Sliced: true, Members: list("m")}}
	g.Name, g.Status.Members = "g", new(int32(2))
	s := v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "g", Members: list("n")}}
	s.Name = "s"
	o := Objects{Groups: []v1alpha1.CloudSSOGroup{g}, Slices: []v1alpha1.CloudSSOMembershipSlice{s}, ReadAt: time.Unix(0, 0).Add(time.Hour)}
	return o, opAt(0, 1, Op{Group: true, Kind: Create, Members: []string{"m", "n"}, Result: "g"})
}

func TestALargeGroupHasEachMemberOnce(t *testing.T) {
	unanswered := membersOp(Create, "m", "n")
	unanswered.Outcome, unanswered.Resolved = Unknown, true
	for _, tt := range []struct {
		label  string
		broken func(o *Objects)
		ops    []*Op
		wrong  string // "" if nothing is
	}{
		{"nothing wrong", func(*Objects) {}, nil, ""},
		{"a second copy", func(o *Objects) { o.Slices[0].Spec.Members = list("n", "m") }, nil, "twice"},
		{"a lost member", func(o *Objects) { o.Slices[0].Spec.Members = list("o") }, nil, "missing: n; not asked for: o"},
		{"a lost member that another request may have removed", func(o *Objects) { o.Slices[0].Spec.Members = list("o") }, []*Op{opAt(2, 3, membersOp(RemoveMembers, "n"))}, ""},
		{"a lost member of a create without an answer", func(o *Objects) { o.Slices[0].Spec.Members = list("o") }, []*Op{opAt(0, 1, unanswered)}, "missing: n; not asked for: o"},
		{"a lost slice", func(o *Objects) { o.Slices = nil }, nil, "counts another number"},
		{"an empty slice", func(o *Objects) { o.Slices[0].Spec.Members = nil }, nil, "has no members"},
		{"a slice without a group", func(o *Objects) { o.Slices[0].Spec.Group = "h" }, nil, "its group h does not"},
		{"a slice whose group may still come", func(o *Objects) {
			left := o.Slices[0]
			left.Name, left.Spec.Group, left.CreationTimestamp = "left", "h", metav1.Time{Time: o.ReadAt.Add(-creationLifetime)}
			o.Slices = append(o.Slices, left)
		}, nil, ""},
		{"a slice of another source", func(o *Objects) { o.Slices[0].Spec.Source = v1alpha1.SourceManual }, nil, "missing: n"},
		{"not marked", func(o *Objects) { o.Groups[0].Spec.Sliced = false }, nil, "not marked sliced"},
		{"too long a list", func(o *Objects) { o.Slices[0].Spec.Members = make([]v1alpha1.Member, v1alpha1.SliceSize+1) }, nil, "lists 251 members"},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o, create := sampleLargeGroup()
			tt.broken(&o)
			live := map[string]bool{"m": true, "n": true, "o": true}
			wrong := append(o.unsettledGroup(&o.Groups[0], live), o.unsettledSlices()...)
			for _, v := range append(o.CheckSlicing(), o.CheckCreated(append(tt.ops, create))...) {
				wrong = append(wrong, v.Text)
			}
			all := strings.Join(wrong, "; ")
			if !strings.Contains(all, tt.wrong) || tt.wrong == "" && all != "" {
				t.Errorf("%q, want %q", all, tt.wrong)
			}
		})
	}
}
