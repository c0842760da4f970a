package policy_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func TestHolderOfAName(t *testing.T) {
	named := func(name, acceptedAs string, created metav1.Time) *v1alpha1.CloudSSOUser {
		return newUser(func(u *v1alpha1.CloudSSOUser) {
			u.Name, u.CreationTimestamp, u.Status.UserName = name, created, acceptedAs
		})
	}
	for _, test := range []struct {
		name       string
		candidates []*v1alpha1.CloudSSOUser
		want       string
	}{
		{"nobody", nil, ""},
		{"one", []*v1alpha1.CloudSSOUser{named("a", "", long)}, "a"},
		{"the older of two", []*v1alpha1.CloudSSOUser{named("a", "", later), named("b", "", long)}, "b"},
		{"the first by name of one age", []*v1alpha1.CloudSSOUser{named("b", "", long), named("a", "", long)}, "a"},
		{"who was accepted, though younger", []*v1alpha1.CloudSSOUser{named("a", "", long), named("b", "Alice", later)}, "b"},
		{"accepted by another name does not count", []*v1alpha1.CloudSSOUser{named("a", "bob", later), named("b", "", long)}, "b"},
		{"the older of two that were accepted", []*v1alpha1.CloudSSOUser{named("a", "alice", later), named("b", "ALICE", long)}, "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 2 {
				if got := policy.UserHolder(test.candidates); test.want == "" && got != nil || test.want != "" && got.Name != test.want {
					t.Errorf("got %v, want %q", got, test.want)
				}
				slices.Reverse(test.candidates)
			}
		})
	}
}

func TestHolderOfADisplayName(t *testing.T) {
	old := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Name: "old", CreationTimestamp: long}}
	young := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Name: "young", CreationTimestamp: later}}
	old.Spec.DisplayName, young.Spec.DisplayName = "Staff", "STAFF"
	if got := policy.GroupHolder([]*v1alpha1.CloudSSOGroup{young, old}); got != old {
		t.Errorf("of two new groups %s stands", got.Name)
	}
	young.Status.DisplayName = "staff"
	if got := policy.GroupHolder([]*v1alpha1.CloudSSOGroup{young, old}); got != young {
		t.Errorf("beside an accepted group %s stands", got.Name)
	}
}
