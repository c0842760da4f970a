package pages

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

func endingIn(days int) *v1alpha1.CloudSSOAccessAssignment {
	a := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ends-%03d", days)}}
	a.Spec.ExpiresAt = &metav1.Time{Time: noon.AddDate(0, 0, days)}
	return a
}

func TestSoonestEndsComeFirst(t *testing.T) {
	const days = pageRows + 50
	s := soonest{now: noon}
	s.add(&v1alpha1.CloudSSOAccessAssignment{}) // without an end
	s.add(endingIn(0))
	s.add(endingIn(-1))
	for _, day := range rand.Perm(days) {
		s.add(endingIn(day + 1))
	}
	if s.count != days || len(s.kept) != pageRows {
		t.Fatalf("counted %d and kept %d", s.count, len(s.kept))
	}
	for i, a := range s.kept {
		if want := endingIn(i + 1).Name; a.Name != want {
			t.Errorf("at %d: %s, want %s", i, a.Name, want)
		}
	}
}

func TestTargetText(t *testing.T) {
	for want, target := range map[string]v1alpha1.AccessTarget{
		"the whole cluster":                      {Cluster: new(true)},
		"namespace dev":                          {Namespaces: []string{"dev"}},
		"namespaces dev, test":                   {Namespaces: []string{"dev", "test"}},
		"all namespaces that are not excluded":   {NamespaceSelector: &v1alpha1.NamespaceSelector{}},
		"namespaces with env in (dev,test),team": {NamespaceSelector: &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.NamespaceSelectorRequirement{{Key: "env", Operator: "In", Values: []string{"dev", "test"}}, {Key: "team", Operator: "Exists"}}}},
	} {
		if got := targetText(target); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestGrantsSayWhyNot(t *testing.T) {
	condition := func(status metav1.ConditionStatus, reason, message string) *v1alpha1.CloudSSOAccessAssignment {
		a := &v1alpha1.CloudSSOAccessAssignment{}
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEffective, Status: status, Reason: reason, Message: message}}
		return a
	}
	for want, a := range map[grants]*v1alpha1.CloudSSOAccessAssignment{
		{false, text("condition.unknown")}: {},
		{true, text("access.granted")}:     condition(metav1.ConditionTrue, "Effective", ""),
		{false, "access ended yesterday"}:  condition(metav1.ConditionFalse, v1alpha1.ReasonAccessExpired, "access ended yesterday"),
		{false, "Preview"}:                 condition(metav1.ConditionFalse, v1alpha1.ReasonPreview, ""),
	} {
		if got := grantsOf(a); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// Without the operator an assignment is "not known yet" as long as nothing else is said.
func TestAccessNotice(t *testing.T) {
	withReason := func(created time.Time, reason string) *v1alpha1.CloudSSOAccessAssignment {
		a := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)}}
		if reason != "" {
			a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse, Reason: reason}}
		}
		return a
	}
	old, young := noon.Add(-time.Hour), noon.Add(-time.Second)
	effective := withReason(old, v1alpha1.ReasonPreview)
	for _, c := range []struct {
		want string
		all  []*v1alpha1.CloudSSOAccessAssignment
	}{
		{"", nil},
		{"", []*v1alpha1.CloudSSOAccessAssignment{effective, withReason(young, "")}},
		{text("access.unread"), []*v1alpha1.CloudSSOAccessAssignment{effective, withReason(old, "")}},
		{text("access.missing"), []*v1alpha1.CloudSSOAccessAssignment{withReason(young, v1alpha1.ReasonAccessNotInstalled)}},
	} {
		if got := accessNotice(noon, c.all...); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.all, got, c.want)
		}
	}
}
