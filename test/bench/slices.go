package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// rewriteSlices is the baseline of removing members: copies of a group's slices, each losing one member in
// every batch, a batch written by 16 workers. It returns the median time of a batch, in milliseconds.
func (s *stack) rewriteSlices(ctx context.Context, group string, each, batches int) (float64, error) {
	if each == 0 {
		return 0, notMeasured("the service has written no slice")
	}
	copies, err := s.copySlices(ctx, group, each)
	if err != nil {
		return 0, err
	}
	var latencies []float64
	for range batches {
		began := time.Now()
		result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: len(copies)}, func(ctx context.Context, _, n int) error {
			return s.dropFirstMember(ctx, copies[n])
		})
		if result.Err != nil {
			return 0, result.Err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	return load.Median(latencies), nil
}

// copySlices copies as many slices as a batch writes into the namespace of the baseline. They are known by
// their resource alone, so that this program can measure a service that has none.
func (s *stack) copySlices(ctx context.Context, group string, n int) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(v1alpha1.GroupVersion.String())
	list.SetKind("CloudSSOMembershipSliceList")
	if err := s.raw.List(ctx, list, client.InNamespace(s.Namespace)); err != nil {
		if meta.IsNoMatchError(err) {
			return nil, notMeasured("there are no slices")
		}
		return nil, err
	}
	var copies []*unstructured.Unstructured
	for i := range list.Items {
		if len(copies) == n {
			break
		}
		spec, _, err := unstructured.NestedMap(list.Items[i].Object, "spec")
		if err != nil {
			return nil, err
		}
		slice := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		slice.SetGroupVersionKind(list.Items[i].GroupVersionKind())
		slice.SetNamespace(rawNamespace)
		slice.SetGenerateName(group + "-")
		if err := s.raw.Create(ctx, slice); err != nil {
			return nil, err
		}
		copies = append(copies, slice)
	}
	return copies, nil
}

// dropFirstMember writes a slice's whole list without its first member, as the service does.
func (s *stack) dropFirstMember(ctx context.Context, slice *unstructured.Unstructured) error {
	members, _, err := unstructured.NestedSlice(slice.Object, "spec", "members")
	if err != nil || len(members) == 0 {
		return errors.Join(err, errors.New("a slice has no members left"))
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": slice.GetResourceVersion()},
		{"op": "replace", "path": "/spec/members", "value": members[1:]},
	})
	if err != nil {
		return err
	}
	return s.raw.Patch(ctx, slice, client.RawPatch(types.JSONPatchType, patch))
}
