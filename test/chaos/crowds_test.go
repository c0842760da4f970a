package chaos

import (
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func list(names ...string) (members []v1alpha1.Member) {
	for _, name := range names {
		members = append(members, v1alpha1.Member{Name: name})
	}
	return members
}

// crowded is a group of m and n, who is in a slice, and the request that made it.
func crowded() (Objects, *Op) {
	g := v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, Sliced: true, Members: list("m")}}
	g.Name, g.Status.Members = "g", new(int32(2))
	s := v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "g", Members: list("n")}}
	s.Name = "s"
	o := Objects{Groups: []v1alpha1.CloudSSOGroup{g}, Slices: []v1alpha1.CloudSSOMembershipSlice{s}}
	return o, at(0, 1, Op{Group: true, Kind: Create, Members: []string{"m", "n"}, Result: "g"})
}

func TestLargeGroupsAtTheEnd(t *testing.T) {
	for _, tt := range []struct {
		label  string
		broken func(o *Objects)
		ops    []*Op
		wrong  string // "" of what is as it should be
	}{
		{"as it should be", func(*Objects) {}, nil, ""},
		{"a second copy", func(o *Objects) { o.Slices[0].Spec.Members = list("n", "m") }, nil, "twice"},
		{"a lost member", func(o *Objects) { o.Slices[0].Spec.Members = list("o") }, nil, "missing: n; not asked for: o"},
		{"a lost member, whom others may have taken out", func(o *Objects) { o.Slices[0].Spec.Members = list("o") }, []*Op{at(2, 3, members(RemoveMembers, "n"))}, ""},
		{"a lost slice", func(o *Objects) { o.Slices = nil }, nil, "counts something else"},
		{"an empty slice", func(o *Objects) { o.Slices[0].Spec.Members = nil }, nil, "holds nobody"},
		{"a slice of nothing", func(o *Objects) { o.Slices[0].Spec.Group = "h" }, nil, "its group h is not"},
		{"somebody else's slice", func(o *Objects) { o.Slices[0].Spec.Source = v1alpha1.SourceManual }, nil, "missing: n"},
		{"not marked", func(o *Objects) { o.Groups[0].Spec.Sliced = false }, nil, "not marked sliced"},
		{"too long a list", func(o *Objects) { o.Slices[0].Spec.Members = make([]v1alpha1.Member, v1alpha1.SliceSize+1) }, nil, "lists 251 members"},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o, create := crowded()
			tt.broken(&o)
			departed := map[string]bool{"m": false, "n": false, "o": false}
			wrong := append(o.unsettledGroup(&o.Groups[0], departed), o.unsettledSlices()...)
			for _, v := range append(o.Slicing(), o.Whole(append(tt.ops, create))...) {
				wrong = append(wrong, v.Text)
			}
			all := strings.Join(wrong, "; ")
			if !strings.Contains(all, tt.wrong) || tt.wrong == "" && all != "" {
				t.Errorf("%q, want %q", all, tt.wrong)
			}
		})
	}
}
