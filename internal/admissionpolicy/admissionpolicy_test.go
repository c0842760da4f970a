package admissionpolicy

import (
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const operator = "system:serviceaccount:cloudsso-system:cloudsso-operator"

// copyOf returns a copy of required policies, which a test may change.
func copyOf(required Set) (s Set) {
	for _, p := range required.Policies {
		s.Policies = append(s.Policies, *p.DeepCopy())
	}
	for _, b := range required.Bindings {
		s.Bindings = append(s.Bindings, *b.DeepCopy())
	}
	return s
}

func TestEveryRequiredPolicyHasABinding(t *testing.T) {
	for what, test := range map[string]struct {
		all   Set
		least int
	}{"all": {Required(), 6}, "for access": {RequiredForAccess(), len(accessPolicies)}} {
		if len(test.all.Policies) < test.least || len(test.all.Policies) != len(test.all.Bindings) {
			t.Errorf("%s: %d policies, %d bindings", what, len(test.all.Policies), len(test.all.Bindings))
		}
		for _, p := range test.all.Policies {
			if test.all.bindingOf(p.Name).PolicyName == "" {
				t.Errorf("%s: %s has no binding", what, p.Name)
			}
		}
	}
}

func TestProblemsOfAccess(t *testing.T) {
	const name = "cloudsso-access-assignments"
	for what, test := range map[string]struct {
		change func(*Set)
		want   []Problem
	}{
		"as required":                  {func(*Set) {}, nil},
		"as required, with others":     {func(s *Set) { *s = copyOf(Required()) }, nil},
		"that of user names is absent": {func(s *Set) { s.Policies, s.Bindings = s.Policies[:1], s.Bindings[:1] }, []Problem{{"cloudsso-usernames", "is absent"}}},
		"a prefix": {func(s *Set) {
			s.Policies[0].Name, s.Bindings[0].Spec.PolicyName = "acme-"+name, "acme-"+name
		}, nil},
		"absent": {func(s *Set) { s.Policies[0].Name = "other" }, []Problem{{name, "is absent"}}},
		"one namespace less is checked": {func(s *Set) {
			v := &s.Policies[0].Spec.Validations
			*v = (*v)[:len(*v)-1]
		}, []Problem{{name, "has been changed"}}},
		"another verb is enough": {func(s *Set) {
			v := s.Policies[0].Spec.Validations
			v[0].Expression = strings.ReplaceAll(v[0].Expression, "bind", "get")
		}, []Problem{{name, "has been changed"}}},
		"it fails open": {func(s *Set) { s.Policies[0].Spec.FailurePolicy = new(admissionv1.Ignore) }, []Problem{{name, "has been changed"}}},
		"a binding that only audits": {func(s *Set) {
			s.Bindings[0].Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Audit}
		}, []Problem{{name, "has no binding, or one that has been changed"}}},
	} {
		installed := copyOf(RequiredForAccess())
		test.change(&installed)
		if got := RequiredForAccess().Problems(installed, operator); !slices.Equal(got, test.want) {
			t.Errorf("%s: problems %v, want %v", what, got, test.want)
		}
	}
}

func TestProblems(t *testing.T) {
	const lock = "cloudsso-lock"
	policy := func(s *Set) *admissionv1.ValidatingAdmissionPolicy {
		i := slices.IndexFunc(s.Policies, func(p admissionv1.ValidatingAdmissionPolicy) bool { return p.Name == lock })
		return &s.Policies[i]
	}
	binding := func(s *Set) *admissionv1.ValidatingAdmissionPolicyBinding {
		i := slices.IndexFunc(s.Bindings, func(b admissionv1.ValidatingAdmissionPolicyBinding) bool { return b.Spec.PolicyName == lock })
		return &s.Bindings[i]
	}
	const (
		absent, changed = "is absent", "has been changed"
		unbound         = "has no binding, or one that has been changed"
		unnamed         = "does not name the operator's service account " + operator
	)
	exempting := func(variable, form string) string { // the beginning
		return "may exempt other users than the operator: its variable " + variable + " is not " + form
	}
	for _, test := range []struct {
		name   string
		change func(*Set)
		want   string // the beginning of what is wrong with the lock
	}{
		{"as required", func(*Set) {}, ""},
		{"another namespace of the operator", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'system:serviceaccount:' + 'elsewhere' + ':' + 'cloudsso-operator'"
		}, unnamed},
		{"an account whose name begins with the operator's", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'system:serviceaccount:' + 'cloudsso-system' + ':' + 'cloudsso-operator-2'"
		}, unnamed},
		{"a shard", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'system:serviceaccount:' + 'elsewhere' + ':' + 'cloudsso-operator'"
			policy(s).Spec.Variables[1].Expression = `["system:serviceaccount:a:b", "system:serviceaccount:cloudsso-system:cloudsso-operator"]`
		}, ""},
		{"an account in one text", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'" + operator + "'"
		}, ""},
		{"every user", func(s *Set) { policy(s).Spec.Variables[0].Expression = "request.userInfo.username" }, exempting("operator", "the name")},
		{"every user, beside the operator as a shard", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "request.userInfo.username"
			policy(s).Spec.Variables[1].Expression = "['" + operator + "']"
		}, exempting("operator", "the name")},
		{"every user, beside the name of the operator", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'a' == '" + operator + "' ? '' : request.userInfo.username"
		}, exempting("operator", "the name")},
		{"every user, as a part of the name", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'system:serviceaccount:' + request.namespace + ':' + 'cloudsso-operator'"
		}, exempting("operator", "the name")},
		{"a text that is evaluated", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = `'\u0073ystem:serviceaccount:cloudsso-system:cloudsso-operator'`
		}, exempting("operator", "the name")},
		{"every user among the shards", func(s *Set) {
			policy(s).Spec.Variables[1].Expression = "[request.userInfo.username]"
		}, exempting("shards", "a list")},
		{"every user beside a shard", func(s *Set) {
			policy(s).Spec.Variables[1].Expression = "['" + operator + "', request.userInfo.username]"
		}, exempting("shards", "a list")},
		{"no list", func(s *Set) { policy(s).Spec.Variables[1].Expression = "request.userInfo.groups" }, exempting("shards", "a list")},
		{"a person among the shards", func(s *Set) {
			policy(s).Spec.Variables[1].Expression = "['alice@example.com']"
		}, exempting("shards", "a list")},
		{"the policy of another installation alone", func(s *Set) {
			policy(s).Spec.Variables[0].Expression = "'system:serviceaccount:' + 'acme' + ':' + 'cloudsso-operator'"
			binding(s).Spec.PolicyName = "acme-" + lock
			policy(s).Name = "acme-" + lock
		}, unnamed},
		{"a changed policy of another installation before it", func(s *Set) {
			stale := policy(s).DeepCopy()
			stale.Name, stale.Spec.Validations[0].Expression = "a-"+lock, "true"
			s.Policies = slices.Insert(s.Policies, 0, *stale)
		}, ""},
		{"a prefix", func(s *Set) {
			for i := range s.Policies {
				s.Policies[i].Name = "acme-" + s.Policies[i].Name
			}
			for i := range s.Bindings {
				s.Bindings[i].Spec.PolicyName = "acme-" + s.Bindings[i].Spec.PolicyName
			}
		}, ""},
		{"other policies beside them", func(s *Set) {
			s.Policies = append(s.Policies, admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "other"}})
		}, ""},
		{"no policy", func(s *Set) { policy(s).Name = "other" }, absent},
		{"another expression", func(s *Set) { policy(s).Spec.Validations[0].Expression = "true" }, changed},
		{"an additional condition", func(s *Set) {
			p := policy(s)
			p.Spec.MatchConditions = append(p.Spec.MatchConditions, admissionv1.MatchCondition{Name: "never", Expression: "false"})
		}, changed},
		{"fewer operations", func(s *Set) {
			rule := &policy(s).Spec.MatchConstraints.ResourceRules[0]
			rule.Operations = rule.Operations[:1]
		}, changed},
		{"another failure policy", func(s *Set) { policy(s).Spec.FailurePolicy = new(admissionv1.Fail) }, changed},
		{"a selector", func(s *Set) {
			policy(s).Spec.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, changed},
		{"no binding", func(s *Set) { binding(s).Spec.PolicyName = "other" }, unbound},
		{"a binding that only warns", func(s *Set) { binding(s).Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn} }, unbound},
		{"a binding to other directories", func(s *Set) { binding(s).Spec.ParamRef.Name = "other" }, unbound},
		{"a binding for some namespaces", func(s *Set) {
			binding(s).Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}
		}, unbound},
	} {
		t.Run(test.name, func(t *testing.T) {
			installed := copyOf(Required())
			test.change(&installed)
			got := Required().Problems(installed, operator)
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || got[0].Policy != lock || !strings.HasPrefix(got[0].What, test.want)) {
				t.Errorf("problems: %v, want %q", got, test.want)
			}
		})
	}
}
