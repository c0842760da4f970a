package membership_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// unlimited is a MaxSize that no test reaches.
const unlimited = 1 << 30

func add(ids ...string) membership.Change { return membership.Change{Op: membership.Add, IDs: ids} }

func remove(ids ...string) membership.Change {
	return membership.Change{Op: membership.Remove, IDs: ids}
}

func replace(ids ...string) membership.Change {
	return membership.Change{Op: membership.Replace, IDs: ids}
}

// removeMatching removes the members with a prefix, as a filter in the path of a PATCH does.
func removeMatching(prefix string) membership.Change {
	return membership.Change{Op: membership.Remove, Matches: func(id string) (bool, error) { return strings.HasPrefix(id, prefix), nil }}
}

// isHidden reports the members that the tests protect.
func isHidden(id string) bool { return strings.HasPrefix(id, "hidden") }

func delta(changes ...membership.Change) *membership.Delta {
	return membership.NewDelta(changes, isHidden)
}

func members(names ...string) []v1alpha1.Member {
	all := make([]v1alpha1.Member, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	return all
}

func names(list []v1alpha1.Member) []string {
	all := make([]string, len(list))
	for i, m := range list {
		all[i] = m.Name
	}
	return all
}

// numbered returns n names: prefix-0 and so on.
func numbered(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return all
}

func slice(name string, listed ...string) *v1alpha1.CloudSSOMembershipSlice {
	return &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "crew", Members: members(listed...)},
	}
}

// viewsOf returns the view that an index gives of slices whose members were all added at one revision.
func viewsOf(d *membership.Delta, addedAt uint64, all ...*v1alpha1.CloudSSOMembershipSlice) []membership.SliceView {
	views := make([]membership.SliceView, len(all))
	for i, s := range all {
		views[i] = membership.SliceView{
			Slice:   s,
			AddedAt: func(string) uint64 { return addedAt },
			IsAffected: !d.MayRemoveUnnamed && slices.ContainsFunc(s.Spec.Members, func(m v1alpha1.Member) bool {
				return d.Named[m.Name]
			}),
		}
	}
	return views
}

// planSlices returns the plan of a delta whose filters do not fail.
func planSlices(d *membership.Delta, own []v1alpha1.Member, views []membership.SliceView) membership.SlicePlan {
	plan, err := d.PlanSlices(own, views)
	if err != nil {
		panic(err)
	}
	return plan
}

// planned returns the writes of a plan as text: "slice: members", "new" for a slice that has to be created, and the
// number of members if there are many.
func planned(p membership.SlicePlan) []string {
	writes := []string{}
	for _, w := range p.Writes {
		name := "new"
		if w.Current != nil {
			name = w.Current.Name
		}
		listed := strings.Join(names(w.Members), " ")
		if len(w.Members) > 10 {
			listed = fmt.Sprint(len(w.Members), " members")
		}
		writes = append(writes, name+": "+listed)
	}
	return writes
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
