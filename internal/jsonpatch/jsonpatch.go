// Package jsonpatch makes JSON Patches (RFC 6902) for the API server: writes with a precondition on exactly what they
// were computed from.
package jsonpatch

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patch is a list of operations, done in order, all or none. Its methods return a longer one.
type Patch []operation

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Test fails the patch unless the value is at the path.
func (p Patch) Test(path string, value any) Patch { return append(p, operation{"test", path, value}) }

// TestUID tests that the object is o, and not another one of its name.
func (p Patch) TestUID(o client.Object) Patch { return p.Test("/metadata/uid", o.GetUID()) }

// TestGeneration tests that the spec is that of o. A status written meanwhile is no conflict.
func (p Patch) TestGeneration(o client.Object) Patch {
	return p.Test("/metadata/generation", o.GetGeneration())
}

// TestRevision tests that nothing at all has been written since o.
func (p Patch) TestRevision(o client.Object) Patch {
	return p.Test("/metadata/resourceVersion", o.GetResourceVersion())
}

// Add puts a value at a path, in the place of one that is there.
func (p Patch) Add(path string, value any) Patch { return append(p, operation{"add", path, value}) }

// Replace puts a value in the place of one that must be there.
func (p Patch) Replace(path string, value any) Patch {
	return append(p, operation{"replace", path, value})
}

// Remove takes away what must be at the path.
func (p Patch) Remove(path string) Patch { return append(p, operation{"remove", path, nil}) }

// RemoveFinalizers takes finalizers off the object, if its finalizers are still those of o.
func (p Patch) RemoveFinalizers(o client.Object, finalizers ...string) Patch {
	all := o.GetFinalizers()
	rest := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return slices.Contains(finalizers, f) })
	return p.Test("/metadata/finalizers", all).Replace("/metadata/finalizers", rest)
}

// Annotations makes the annotations of current those of next. An annotation that is removed is tested first. If
// current has none, all are written, and nothing at all must have been written since current.
func (p Patch) Annotations(current, next client.Object) Patch {
	was, is := current.GetAnnotations(), next.GetAnnotations()
	if len(was) == 0 && len(is) > 0 {
		return p.TestRevision(current).Add("/metadata/annotations", is)
	}
	for key, value := range is {
		if old, there := was[key]; !there || old != value {
			p = p.Add(annotationPath(key), value)
		}
	}
	for key, value := range was {
		if _, stays := is[key]; !stays {
			p = p.Test(annotationPath(key), value).Remove(annotationPath(key))
		}
	}
	return p
}

// annotationPath returns the path of an annotation.
func annotationPath(key string) string {
	return "/metadata/annotations/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// Type is part of client.Patch.
func (p Patch) Type() types.PatchType { return types.JSONPatchType }

// Data is part of client.Patch.
func (p Patch) Data(client.Object) ([]byte, error) { return json.Marshal(p) }

// Failed reports whether a test of the patch failed, or a path that it removes does not exist: that is a 422 whose details
// name no field. The 422 of an invalid object does, and that of an admission webhook has no details.
func Failed(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && (details.Kind == "" || len(details.Causes) == 1 && details.Causes[0].Type == metav1.CauseTypeUnexpectedServerResponse)
}
