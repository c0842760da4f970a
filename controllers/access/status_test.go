package access

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func TestPhaseOfAnAssignment(t *testing.T) {
	noon := time.Date(2027, time.January, 31, 12, 0, 0, 0, time.UTC)
	at := func(hour int) *metav1.Time { return &metav1.Time{Time: noon.Add(time.Duration(hour-12) * time.Hour)} }
	for _, test := range []struct {
		name        string
		from, until *metav1.Time
		want        phase
		next        *metav1.Time
	}{
		{"without times", nil, nil, current, nil},
		{"before it begins", at(13), at(14), scheduled, at(13)},
		{"as it begins", at(12), at(14), current, at(14)},
		{"as it ends", at(11), at(12), expired, nil},
		{"without an end", at(11), nil, current, nil},
		{"after its end", nil, at(11), expired, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &v1alpha1.CloudSSOAccessAssignment{Spec: v1alpha1.CloudSSOAccessAssignmentSpec{NotBefore: test.from, ExpiresAt: test.until}}
			got, next := phaseOf(a, noon)
			if got != test.want || next.IsZero() != (test.next == nil) || test.next != nil && !next.Equal(test.next.Time) {
				t.Errorf("got %v until %v", got, next)
			}
		})
	}
}

func TestConditionsOfAnAssignment(t *testing.T) {
	found := access.Principal{Name: "developers-1"}
	granted := targets{granted: []string{"web"}}
	for _, test := range []struct {
		name             string
		situation        situation
		preview          bool
		out              skipped
		is               counts
		refused          string
		ready, effective string // reasons; one that begins with "!" is that of a False condition
		others           string
	}{
		{"granted", situation{position: policy.SwitchEnabled, principal: found, targets: granted}, false, nil, counts{users: 2, bindings: 1}, "", "Ready", "Effective", ""},
		{"no users", situation{position: policy.SwitchEnabled, principal: found, targets: granted}, false, nil, counts{}, "", "Ready", "!NoUsers", ""},
		{"no namespace has the labels", situation{position: policy.SwitchEnabled, principal: found}, false, nil, counts{}, "", "Ready", "!TargetNotFound", ""},
		{"ended, whatever else is wrong", situation{position: policy.SwitchEnabled, phase: expired, policies: "p is absent"}, false, nil, counts{}, "", "Expired", "!Expired", ""},
		{"switched off, with users", situation{position: policy.SwitchDisabled, principal: found, targets: granted}, false, nil, counts{bindings: 1}, "", "SynchronizationDisabled", "Effective", ""},
		{"to begin, with no such role", situation{position: policy.SwitchEnabled, phase: scheduled, principal: found, targets: targets{withoutRole: []string{"web"}}}, false, nil, counts{}, "", "!RoleNotFound", "!Scheduled", ""},
		{"in mode Preview", situation{position: policy.SwitchEnabled, principal: found, targets: granted}, true, nil, counts{users: 2, bindings: 1}, "", "Preview", "!Preview", ""},
		{"one target is excluded", situation{position: policy.SwitchEnabled, principal: found, targets: targets{granted: []string{"web"}, excluded: []string{"kube-system"}}}, false, nil, counts{bindings: 1}, "", "!TargetExcluded", "Effective", ""},
		{"the policy is missing", situation{position: policy.SwitchEnabled, principal: found, targets: granted, policies: "p is absent"}, false, nil, counts{}, "", "!PolicyMissing", "!PolicyMissing", ""},
		{"a write is refused", situation{position: policy.SwitchEnabled, principal: found, targets: granted}, false, nil, counts{}, "no", "!WriteRefused", "!WriteRefused", ""},
		{
			"users are left out, and a target is full",
			situation{position: policy.SwitchEnabled, principal: found, targets: granted},
			false,
			skipped{"b": {v1alpha1.ReasonUsernameInvalid, "it has none"}, "a": {v1alpha1.ReasonUsernameConflict, "it is that of b"}},
			counts{bindings: 1, isLoaded: true},
			"",
			"Ready", "Effective", "UsersSkipped UsernameConflict 2 users get no access, the first of them CloudSSOUser a: it is that of b; ManySubjects",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			past := &metav1.Time{Time: time.Date(2027, time.January, 31, 12, 0, 0, 0, time.UTC)}
			a := &v1alpha1.CloudSSOAccessAssignment{Spec: v1alpha1.CloudSSOAccessAssignmentSpec{NotBefore: past, ExpiresAt: past}}
			if test.preview {
				a.Spec.Mode = v1alpha1.AccessPreview
			}
			a.Generation = 7
			computeStatus(a, &test.situation, test.out, test.is, test.refused)
			reason := func(conditionType string) string {
				c := meta.FindStatusCondition(a.Status.Conditions, conditionType)
				if c.Status == metav1.ConditionFalse {
					return "!" + c.Reason
				}
				return c.Reason
			}
			if ready, effective := reason(v1alpha1.ConditionReady), reason(v1alpha1.ConditionEffective); ready != test.ready || effective != test.effective {
				t.Errorf("Ready is %s, Effective %s", ready, effective)
			}
			var others []string
			for _, c := range a.Status.Conditions[2:] {
				if c.Type == v1alpha1.ConditionManySubjects {
					others = append(others, c.Type)
				} else {
					others = append(others, strings.Join([]string{c.Type, c.Reason, c.Message}, " "))
				}
			}
			if got := strings.Join(others, "; "); got != test.others {
				t.Errorf("other conditions: %s", got)
			}
			for _, c := range a.Status.Conditions {
				if c.ObservedGeneration != a.Generation || c.Message == "" {
					t.Errorf("%s observed generation %d and says %q", c.Type, c.ObservedGeneration, c.Message)
				}
			}
		})
	}
}

func TestMemoryFindsAssignmentsByWhatTheyName(t *testing.T) {
	m := newMemory()
	newAssignment := func(name string, p v1alpha1.AccessPrincipal) *v1alpha1.CloudSSOAccessAssignment {
		return &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name}, Spec: v1alpha1.CloudSSOAccessAssignmentSpec{Principal: p}}
	}
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "developers-1"},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Developers", ExternalID: "e1"},
	}
	check := func(what string, want ...string) {
		t.Helper()
		got := setOf()
		for _, key := range m.naming(g) {
			got[key.Name] = true
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
		for _, name := range want {
			if !got[name] {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	byName := newAssignment("a", v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "DEVELOPERS"})
	m.set(byName, "")
	m.set(newAssignment("b", v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, ExternalID: "e1"}), "")
	m.set(newAssignment("c", v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, Name: "developers-1"}), "")
	m.set(newAssignment("d", v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalUser, Name: "developers-1"}), "")
	m.set(newAssignment("e", v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "others"}), "")
	check("by each of its names", "a", "b", "c")
	g.Spec.DisplayName, g.Spec.ExternalID = "engineers", ""
	check("after a rename", "c")
	m.set(byName, "developers-1")
	check("pinned", "a", "c")
	m.forget(types.NamespacedName{Namespace: "acme", Name: "a"})
	check("gone", "c")
}

func TestMemoryReturnsWhatWasRevokedOnceItsTimeHasCome(t *testing.T) {
	m, key, now := newMemory(), types.NamespacedName{Namespace: "acme", Name: "a"}, time.Now()
	m.note(key, work{names: setOf("ada")})
	m.noteRevoked(key, work{names: setOf("bob")}, now.Add(time.Second))
	if w := m.take(key, now); !w.names["ada"] || w.names["bob"] {
		t.Errorf("too early: %v", w.names)
	}
	m.noteRevoked(key, work{names: setOf("eve")}, now.Add(time.Minute))
	if in := m.revokedIn(key, now); in != time.Second {
		t.Errorf("due in %v", in)
	}
	if w := m.take(key, now.Add(time.Second)); w.names["ada"] || !w.names["bob"] || !w.names["eve"] {
		t.Errorf("in time: %v", w.names)
	}
	if w, in := m.take(key, now.Add(time.Hour)), m.revokedIn(key, now); len(w.names) > 0 || in != 0 {
		t.Errorf("again: %v, due in %v", w.names, in)
	}
}
