package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const directoryKind = "CloudSSODirectory"

// kinds are those that an export has beside the directory.
var kinds = sets.New("SCIMCredential", "CloudSSOUser", "CloudSSOGroup", "CloudSSOMembershipSlice", "CloudSSOAccessAssignment")

// reader reads the manifests of a file one by one.
type reader struct {
	documents *utilyaml.YAMLReader
	number    int // of the last document
}

func newReader(in io.Reader) *reader {
	return &reader{documents: utilyaml.NewYAMLReader(bufio.NewReader(in))}
}

// directory reads the first manifest.
func (r *reader) directory() (*v1alpha1.CloudSSODirectory, error) {
	o, err := r.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: give one of kubectl cloudsso export")
	}
	if err != nil {
		return nil, err
	}
	_, isRestored := o.GetAnnotations()[v1alpha1.AnnotationRestored]
	if o.GetKind() != directoryKind || !isRestored {
		return nil, fmt.Errorf("the file begins with a %s, not with a %s that has the annotation %s: give one of kubectl cloudsso export",
			o.GetKind(), directoryKind, v1alpha1.AnnotationRestored)
	}
	d := &v1alpha1.CloudSSODirectory{}
	return d, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, d)
}

// object reads the next manifest; io.EOF after the last.
func (r *reader) object() (*unstructured.Unstructured, error) {
	o, err := r.next()
	if err == nil && !kinds.Has(o.GetKind()) {
		return nil, fmt.Errorf("document %d is a %q: an export has none", r.number, o.GetKind())
	}
	return o, err
}

func (r *reader) next() (*unstructured.Unstructured, error) {
	for {
		document, err := r.documents.Read()
		if err != nil {
			return nil, err
		}
		text, err := yaml.YAMLToJSON(document)
		if string(text) == "null" { // a comment
			continue
		}
		r.number++
		o := &unstructured.Unstructured{}
		if err == nil {
			err = o.UnmarshalJSON(text)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("document %d: %w", r.number, err)
		case o.GroupVersionKind().Group != v1alpha1.GroupVersion.Group:
			return nil, fmt.Errorf("document %d is a %s of %q: an export has objects of %s alone", r.number, o.GetKind(), o.GetAPIVersion(), v1alpha1.GroupVersion.Group)
		}
		return o, nil
	}
}
