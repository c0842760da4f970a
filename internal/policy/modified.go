package policy

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// LastModified returns SCIM's meta.lastModified: until an object is modified, its creation time (RFC 7643 section 3.1).
func LastModified(o metav1.Object) time.Time {
	if text, isModified := o.GetAnnotations()[v1alpha1.AnnotationLastModified]; isModified {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at
		}
	}
	return o.GetCreationTimestamp().Time
}

// SetLastModified sets SCIM's meta.lastModified. The former map of annotations is left as it is.
func SetLastModified(o metav1.Object, at time.Time) {
	annotations := maps.Clone(o.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationLastModified] = at.UTC().Format(time.RFC3339Nano)
	o.SetAnnotations(annotations)
}
