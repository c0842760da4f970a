package export

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// manifestOf returns what creates an object again: its spec, name, labels and annotations. The operator sets its finalizers
// and status again. kubectl's copy of what was applied last is left out: it may be older. A directory is marked as restored, so
// that it waits for a person.
func manifestOf(o *unstructured.Unstructured) map[string]any {
	meta := map[string]any{"namespace": o.GetNamespace(), "name": o.GetName()}
	if labels := o.GetLabels(); len(labels) > 0 {
		meta["labels"] = labels
	}
	annotations := maps.Clone(o.GetAnnotations())
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if o.GetKind() == plugin.DirectoryKind {
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[v1alpha1.AnnotationRestored] = "yes"
	}
	if len(annotations) > 0 {
		meta["annotations"] = annotations
	}
	manifest := map[string]any{"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(), "metadata": meta}
	if spec, found := o.Object["spec"]; found {
		manifest["spec"] = spec
	}
	return manifest
}
