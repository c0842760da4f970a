package membership

import (
	"slices"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Without is members less those of the given names, in their order.
func Without(members []v1alpha1.Member, names ...string) []v1alpha1.Member {
	return slices.DeleteFunc(slices.Clone(members), func(m v1alpha1.Member) bool { return slices.Contains(names, m.Name) })
}

// Among are those of the names that are members.
func Among(members []v1alpha1.Member, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.Contains(members, v1alpha1.Member{Name: name})
	})
}
