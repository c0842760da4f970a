package crd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// manifests returns the objects of a YAML stream. A repeated key is an error.
func manifests(stream []byte) []*unstructured.Unstructured {
	GinkgoHelper()
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(stream)))
	defer documents.Close()
	buffer := make([]byte, len(stream)+1)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects
		}
		Expect(err).NotTo(HaveOccurred())
		object := &unstructured.Unstructured{}
		Expect(yaml.UnmarshalStrict(buffer[:n], &object.Object)).To(Succeed())
		objects = append(objects, object)
	}
}

// manifestFile returns the objects of a file.
func manifestFile(path string) []*unstructured.Unstructured {
	GinkgoHelper()
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return manifests(content)
}

// apply creates the object, or replaces it if it is there, and then writes its status if it has one.
func apply(ctx context.Context, namespace string, object *unstructured.Unstructured) error {
	object = object.DeepCopy()
	object.SetNamespace(namespace)
	status, hasStatus := object.Object["status"]
	if err := createOrReplace(ctx, object); err != nil || !hasStatus {
		return err
	}
	object.Object["status"] = status
	return cluster.Status().Update(ctx, object)
}

func createOrReplace(ctx context.Context, object *unstructured.Unstructured) error {
	found := object.DeepCopy()
	err := cluster.Get(ctx, client.ObjectKeyFromObject(object), found)
	if apierrors.IsNotFound(err) {
		return cluster.Create(ctx, object)
	}
	if err != nil {
		return err
	}
	object.SetResourceVersion(found.GetResourceVersion())
	return cluster.Update(ctx, object)
}
