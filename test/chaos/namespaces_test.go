package chaos

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Assignment x selects namespaces, and has its binding in namespace n.
func TestAnAssignmentGrantsInTheNamespacesThatItSelects(t *testing.T) {
	for _, tt := range []struct {
		label, wrong string
		change       func(o *Objects)
	}{
		{"as it should be", "", func(*Objects) {}},
		{"no binding", `lack "oidc:u,oidc:v"`, func(o *Objects) { o.Bindings = nil }},
		{"another namespace has the label", `x in m lack "oidc:u,oidc:v"`, func(o *Objects) { o.Namespaces = append(o.Namespaces, *passingNamespace("m")) }},
		{"another namespace has no label", "", func(o *Objects) {
			o.Namespaces = append(o.Namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "m"}})
		}},
		{"the namespace has lost the label", "grants nothing there", func(o *Objects) { o.Namespaces[0].Labels = nil }},
		{"the namespace has another value", "grants nothing there", func(o *Objects) { o.Namespaces[0].Labels[selectedLabel] = "" }},
		{"the namespace is gone", "grants nothing there", func(o *Objects) { o.Namespaces = nil }},
		{"the namespace is going, and has a binding", "grants nothing there", func(o *Objects) { o.Namespaces[0].DeletionTimestamp = new(metav1.Now()) }},
		{"the namespace is going", "namespace n is still being deleted", func(o *Objects) { o.Namespaces[0].DeletionTimestamp = new(metav1.Now()) }},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := sampleAccess()
			o.Assignments[0].Spec.Target = selecting("x", 0, o.Assignments[0].Spec.Principal).Spec.Target
			o.Namespaces = []corev1.Namespace{*passingNamespace("n")}
			tt.change(&o)
			all := strings.Join(append(o.unsettledNamespaces(), o.unsettledAccess()...), "; ")
			if !strings.Contains(all, tt.wrong) || tt.wrong == "" && all != "" {
				t.Errorf("%q, want %q", all, tt.wrong)
			}
		})
	}
}
