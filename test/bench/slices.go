package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// rewriteSlices measures the baseline of removing members: in every batch it removes one member from each copy of a
// group's slices, with as many writers as the service has. It returns the median time of a batch, in milliseconds.
func (s *stack) rewriteSlices(ctx context.Context, copies []*v1alpha1.CloudSSOMembershipSlice) (float64, error) {
	if len(copies) == 0 {
		return 0, notMeasured("the service has written no slice")
	}
	var latencies []float64
	for range removals {
		began := time.Now()
		result := load.Run(ctx, load.Plan{Workers: sliceWriters, Count: len(copies)}, func(ctx context.Context, _, n int) error {
			return s.dropFirstMember(ctx, copies[n])
		})
		if result.Err != nil {
			return 0, result.Err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	return load.Median(latencies), nil
}

// copySlices copies a group's slices into the namespace of the baseline. The copies have source Manual, because the
// operator deletes synchronized slices that have no group for ten minutes.
func (s *stack) copySlices(ctx context.Context, group string) (copies []*v1alpha1.CloudSSOMembershipSlice, err error) {
	var list v1alpha1.CloudSSOMembershipSliceList
	err = s.raw.List(ctx, &list, client.InNamespace(s.Namespace), client.MatchingFields{"spec.group": group})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		slice := &v1alpha1.CloudSSOMembershipSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: rawNamespace, GenerateName: group + "-"},
			Spec:       list.Items[i].Spec,
		}
		slice.Spec.Source = v1alpha1.SourceManual
		if err := s.raw.Create(ctx, slice); err != nil {
			return nil, err
		}
		copies = append(copies, slice)
	}
	return copies, nil
}

// dropFirstMember writes the whole spec of a slice without its first member, as the service does.
func (s *stack) dropFirstMember(ctx context.Context, slice *v1alpha1.CloudSSOMembershipSlice) error {
	if len(slice.Spec.Members) == 0 {
		return errors.New("a slice has no members left")
	}
	slice.Spec.Members = slice.Spec.Members[1:]
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": slice.ResourceVersion},
		{"op": "replace", "path": "/spec", "value": &slice.Spec},
	})
	if err != nil {
		return err
	}
	return s.raw.Patch(ctx, slice, client.RawPatch(types.JSONPatchType, patch))
}
