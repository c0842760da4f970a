package policy_test

import (
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func TestHolderOfAName(t *testing.T) {
	named := func(name, acceptedAs string) *v1alpha1.CloudSSOUser {
		return newUser(func(u *v1alpha1.CloudSSOUser) { u.Name, u.Status.UserName = name, acceptedAs })
	}
	for _, test := range []struct {
		name       string
		candidates []*v1alpha1.CloudSSOUser
		want       string
	}{
		{"nobody", nil, ""},
		{"one", []*v1alpha1.CloudSSOUser{named("a", "")}, "a"},
		{"the first of two", []*v1alpha1.CloudSSOUser{named("b", ""), named("a", "")}, "b"},
		{"who was accepted, though later", []*v1alpha1.CloudSSOUser{named("a", ""), named("b", "Alice")}, "b"},
		{"accepted by another name does not count", []*v1alpha1.CloudSSOUser{named("a", ""), named("b", "bob")}, "a"},
		{"the first of two that were accepted", []*v1alpha1.CloudSSOUser{named("b", "ALICE"), named("a", "alice")}, "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.UserHolder(test.candidates); test.want == "" && got != nil || test.want != "" && got.Name != test.want {
				t.Errorf("got %v, want %q", got, test.want)
			}
		})
	}
}

func TestHolderOfADisplayName(t *testing.T) {
	first, second := &v1alpha1.CloudSSOGroup{}, &v1alpha1.CloudSSOGroup{}
	first.Spec.DisplayName, second.Spec.DisplayName = "Staff", "STAFF"
	if got := policy.GroupHolder([]*v1alpha1.CloudSSOGroup{first, second}); got != first {
		t.Error("of two new groups the second stands")
	}
	second.Status.DisplayName = "staff"
	if got := policy.GroupHolder([]*v1alpha1.CloudSSOGroup{first, second}); got != second {
		t.Error("one that is new stands beside one that was accepted")
	}
}
