package chaos

import (
	"cmp"
	"slices"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestSightingsSayWhenASubjectCameAndWent(t *testing.T) {
	var now time.Duration
	s := NewSightings(func() time.Duration { return now })
	through := func(principal string, subjects ...string) *rbacv1.RoleBinding {
		b := sampleBinding(subjects...)
		b.Annotations = map[string]string{v1alpha1.AnnotationPrincipal: principal}
		return &b
	}
	other := *through("g", "z")
	other.Name = "by-hand"
	for _, step := range []func(){
		func() { s.showAll([]rbacv1.RoleBinding{*through("g", "a", "b"), other}) },
		func() { s.show(through("g", "b", "c")) },
		func() { s.show(through("h", "b")) },
		func() { s.show(through("h")) },
		func() { s.show(through("h", "b")) },
		func() { s.showAll(nil) },
		func() { s.show(through("h", "d")) },
	} {
		now++
		step()
	}
	binding := bindingKey(through("g"))
	want := []Presence{
		{binding, "g", "a", 1, 2},
		{binding, "g", "b", 1, 3},
		{binding, "g", "c", 2, 3},
		{binding, "h", "b", 3, 4},
		{binding, "h", "b", 5, 6},
		{binding, "h", "d", 7, Forever},
	}
	got := s.All()
	slices.SortFunc(got, func(a, b Presence) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Subject, b.Subject)) })
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if present := s.Present(); len(present) != 1 || !present["d"] {
		t.Errorf("present: %v", present)
	}
}
