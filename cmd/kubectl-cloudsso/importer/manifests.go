package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// reader reads the manifests of a file one by one.
type reader struct {
	documents *utilyaml.YAMLReader
	number    int // of manifests
	isWhole   bool
}

func newReader(in io.Reader) *reader {
	return &reader{documents: utilyaml.NewYAMLReader(bufio.NewReader(in))}
}

// check reads a file to its end, so that nothing is created from one that is not a whole export. It returns the number of objects.
func check(in io.Reader) (int, error) {
	r := newReader(in)
	for {
		if _, err := r.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
	}
	switch {
	case r.number == 0:
		return 0, errors.New("the file is empty: give one of kubectl cloudsso export")
	case !r.isWhole:
		return 0, fmt.Errorf("the file ends after %d objects without the last line of an export: it was cut off, so nothing was created", r.number)
	}
	return r.number, nil
}

// next returns the next manifest; io.EOF after the last. The first is the directory.
func (r *reader) next() (*unstructured.Unstructured, error) {
	for {
		document, err := r.documents.Read()
		if err != nil {
			return nil, err
		}
		text, err := yaml.YAMLToJSON(document)
		if string(text) == "null" { // comments
			r.isWhole = r.isWhole || strings.Contains(string(document), fmt.Sprintf(plugin.BackupEnd, r.number))
			continue
		}
		r.number++
		o := &unstructured.Unstructured{}
		if err == nil {
			err = o.UnmarshalJSON(text)
		}
		if err != nil {
			return nil, fmt.Errorf("object %d of the file is no manifest of Kubernetes: give a file of kubectl cloudsso export: %w", r.number, err)
		}
		if err := r.refuse(o); err != nil {
			return nil, fmt.Errorf("object %d of the file: %w", r.number, err)
		}
		return o, nil
	}
}

// refuse refuses what an export does not have.
func (r *reader) refuse(o *unstructured.Unstructured) error {
	_, isRestored := o.GetAnnotations()[v1alpha1.AnnotationRestored]
	switch {
	case r.number == 1 && (o.GetKind() != plugin.DirectoryKind || !isRestored):
		return fmt.Errorf("it is a %s, not a %s that has the annotation %s: give a file of kubectl cloudsso export", o.GetKind(), plugin.DirectoryKind, v1alpha1.AnnotationRestored)
	case o.GetAPIVersion() != v1alpha1.GroupVersion.String() || !slices.Contains(plugin.BackupKinds, o.GetKind()):
		return fmt.Errorf("it is a %s of %q: an export has none", o.GetKind(), o.GetAPIVersion())
	case r.number > 1 && o.GetKind() == plugin.DirectoryKind:
		return errors.New("it is a second directory: an export has one")
	}
	return nil
}
