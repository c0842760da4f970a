package export

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// markRestored has the operator wait for a person before it serves the directory that is made of the manifest.
func markRestored(d *v1alpha1.CloudSSODirectory) {
	annotations := maps.Clone(d.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationRestored] = "yes"
	d.Annotations = annotations
}

// manifestOf returns what creates an object again: its spec, name, labels and annotations. The operator sets its finalizers
// and status again. kubectl's copy of what was applied last is left out: it may be older.
func manifestOf(o client.Object) (map[string]any, error) {
	gvk, err := apiutil.GVKForObject(o, scheme)
	if err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	meta := map[string]any{"namespace": o.GetNamespace(), "name": o.GetName()}
	if labels := o.GetLabels(); len(labels) > 0 {
		meta["labels"] = labels
	}
	annotations := maps.Clone(o.GetAnnotations())
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if len(annotations) > 0 {
		meta["annotations"] = annotations
	}
	return map[string]any{"apiVersion": gvk.GroupVersion().String(), "kind": gvk.Kind, "metadata": meta, "spec": content["spec"]}, nil
}

var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		panic(err)
	}
	return s
}()
