package membership

import (
	"fmt"
	"iter"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// GroupField is the field by which the slices of a group are found, in the cache and at the API server.
const GroupField = "spec.group"

// MembersOf returns the members that a list holds. It panics for an object that is no list.
func MembersOf(list metav1.Object) []v1alpha1.Member {
	switch l := list.(type) {
	case *v1alpha1.CloudSSOGroup:
		return l.Spec.Members
	case *v1alpha1.CloudSSOMembershipSlice:
		return l.Spec.Members
	}
	panic(fmt.Sprintf("%T lists no members", list))
}

// GroupOf returns the metadata.name of the group whose members a list holds.
func GroupOf(list metav1.Object) string {
	if slice, ok := list.(*v1alpha1.CloudSSOMembershipSlice); ok {
		return slice.Spec.Group
	}
	return list.GetName()
}

// ExcludeMembers returns the members but those of the given names, in their order.
func ExcludeMembers(members []v1alpha1.Member, names ...string) []v1alpha1.Member {
	removed := setOf(names)
	return slices.DeleteFunc(slices.Clone(members), func(m v1alpha1.Member) bool { return removed[m.Name] })
}

// SelectMembers returns those of the names that are members, in their order.
func SelectMembers(members []v1alpha1.Member, names ...string) []string {
	listed := make(map[string]bool, len(members))
	for _, m := range members {
		listed[m.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !listed[name] })
}

// namesOf returns the metadata.names of members.
func namesOf(members []v1alpha1.Member) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, m := range members {
			if !yield(m.Name) {
				return
			}
		}
	}
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
