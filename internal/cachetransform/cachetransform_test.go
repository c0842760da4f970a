package cachetransform_test

import (
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func TestAnnotationsThatAreNotReadAreNotCached(t *testing.T) {
	for _, c := range []struct{ given, want map[string]string }{
		{map[string]string{v1alpha1.AnnotationLastChange: "{}"}, map[string]string{v1alpha1.AnnotationLastChange: ""}},
		{map[string]string{v1alpha1.AnnotationLastChange: "{}", v1alpha1.AnnotationLastModified: "x"}, map[string]string{v1alpha1.AnnotationLastChange: "", v1alpha1.AnnotationLastModified: "x"}},
		{map[string]string{lastApplied: "{}", v1alpha1.AnnotationLastChange: "{}"}, map[string]string{lastApplied: "", v1alpha1.AnnotationLastChange: ""}},
		{map[string]string{lastApplied: "{}"}, map[string]string{lastApplied: ""}},
		{nil, nil},
	} {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Annotations: maps.Clone(c.given)}}
		if _, err := cachetransform.Transform(u); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(u.Annotations, c.want) || len(c.want) == 0 && u.Annotations != nil {
			t.Errorf("%v is cached as %v", c.given, u.Annotations)
		}
	}
}
