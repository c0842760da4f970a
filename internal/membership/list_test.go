package membership_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

func TestGroupsAndSlicesAreLists(t *testing.T) {
	group := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Name: "crew"},
		Spec:       v1alpha1.CloudSSOGroupSpec{Members: members("a", "b")},
	}
	for _, test := range []struct {
		list    metav1.Object
		members []string
	}{
		{group, []string{"a", "b"}},
		{slice("crew-1", "c"), []string{"c"}},
	} {
		t.Run(test.list.GetName(), func(t *testing.T) {
			equal(t, "members", names(membership.MembersOf(test.list)), test.members)
			if got := membership.GroupOf(test.list); got != "crew" {
				t.Errorf("of the group %s", got)
			}
		})
	}
}

func TestMembersOfAnotherKindPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a user lists members")
		}
	}()
	membership.MembersOf(&v1alpha1.CloudSSOUser{})
}

func TestWithoutKeepsOrderAndArgument(t *testing.T) {
	before := members("a", "b", "c", "d")
	equal(t, "without two", names(membership.ExcludeMembers(before, "c", "a", "x")), []string{"b", "d"})
	equal(t, "without all", names(membership.ExcludeMembers(before, "a", "b", "c", "d")), nil)
	equal(t, "the argument", names(before), []string{"a", "b", "c", "d"})
	if membership.ExcludeMembers(before, "a", "b", "c", "d") == nil {
		t.Error("a list without members is nil, which a patch sends as null")
	}
}

func TestAmongKeepsOrderAndArgument(t *testing.T) {
	asked := []string{"x", "c", "a"}
	equal(t, "among", membership.SelectMembers(members("a", "b", "c"), asked...), []string{"c", "a"})
	equal(t, "the argument", asked, []string{"x", "c", "a"})
}
