package membership

import (
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// GroupField is the field by which the slices of a group are found, in the cache and at the API server.
const GroupField = "spec.group"

// Of are the members that a list holds.
func Of(list client.Object) []v1alpha1.Member {
	switch l := list.(type) {
	case *v1alpha1.CloudSSOGroup:
		return l.Spec.Members
	case *v1alpha1.CloudSSOMembershipSlice:
		return l.Spec.Members
	}
	panic(fmt.Sprintf("%T lists no members", list))
}

// GroupOf is the name of the group whose members a list holds.
func GroupOf(list client.Object) string {
	if slice, ok := list.(*v1alpha1.CloudSSOMembershipSlice); ok {
		return slice.Spec.Group
	}
	return list.GetName()
}

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

func sourceOf(list client.Object) v1alpha1.Source {
	if slice, ok := list.(*v1alpha1.CloudSSOMembershipSlice); ok {
		return slice.Spec.Source
	}
	group, _ := list.(*v1alpha1.CloudSSOGroup)
	return group.Spec.Source
}

// named is an empty list of the kind and the name of another.
func named(list client.Object) client.Object {
	var empty client.Object = &v1alpha1.CloudSSOGroup{}
	if _, ok := list.(*v1alpha1.CloudSSOMembershipSlice); ok {
		empty = &v1alpha1.CloudSSOMembershipSlice{}
	}
	empty.SetNamespace(list.GetNamespace())
	empty.SetName(list.GetName())
	return empty
}
