package v1alpha1

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func TestNamespaceSelectorSelectsAsKubernetesDoes(t *testing.T) {
	selector := &NamespaceSelector{
		MatchLabels: map[string]LabelValue{"team": "a"},
		MatchExpressions: []NamespaceSelectorRequirement{
			{Key: "env", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"prod"}},
			{Key: "closed", Operator: metav1.LabelSelectorOpDoesNotExist},
		},
	}
	for _, test := range []struct {
		selector *NamespaceSelector
		labels   labels.Set
		want     bool
	}{
		{selector, labels.Set{"team": "a"}, true},
		{selector, labels.Set{"team": "a", "env": "dev"}, true},
		{selector, labels.Set{"team": "b"}, false},
		{selector, labels.Set{"team": "a", "env": "prod"}, false},
		{selector, labels.Set{"team": "a", "closed": ""}, false},
		{&NamespaceSelector{}, nil, true},
		{nil, labels.Set{"team": "a"}, false},
	} {
		converted, err := metav1.LabelSelectorAsSelector(test.selector.LabelSelector())
		if err != nil {
			t.Fatal(err)
		}
		if got := converted.Matches(test.labels); got != test.want {
			t.Errorf("%v selects %v: %t, want %t", test.selector, test.labels, got, test.want)
		}
	}
}
