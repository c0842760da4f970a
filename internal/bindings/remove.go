package bindings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Selector returns the selector of the projected bindings, for the informers: those of the assignments of the namespaces,
// or of all if none are given.
func Selector(namespaces []string) (labels.Selector, error) {
	projected, err := labels.NewRequirement(v1alpha1.LabelAssignment, selection.Exists, nil)
	if err != nil || len(namespaces) == 0 {
		return labels.NewSelector().Add(*projected), err
	}
	served, err := labels.NewRequirement(v1alpha1.LabelDirectory, selection.In, namespaces)
	if err != nil {
		return nil, err
	}
	return labels.NewSelector().Add(*projected, *served), nil
}

const (
	// removalPage is how many bindings one request of a list returns.
	removalPage = 500
	// maxParallelRemovals bounds the deletions under way.
	maxParallelRemovals = 16
	// secondLook is when RemoveAll looks whether a binding is left: an operator that still runs creates one again within
	// a second.
	secondLook = 2 * time.Second
	// maxNamed is how many bindings that are left an error names.
	maxNamed = 5
)

// RemoveAll deletes the projected bindings of the assignments of the namespaces, or every one in the cluster if none are given,
// whatever operator has projected it. It returns how many it has deleted. It finds them by label, and by name in case a person
// has removed the label. The error says which are left. c reads from the API server.
func RemoveAll(ctx context.Context, c client.Client, namespaces []string) (removed int, err error) {
	found, err := listProjected(ctx, c, namespaces)
	if err != nil {
		return 0, err
	}
	removed, failed := removeEach(ctx, c, found)
	if len(found) > 0 {
		timer := time.NewTimer(secondLook)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return removed, context.Cause(ctx)
		}
	}
	left, err := listProjected(ctx, c, namespaces)
	if err != nil || len(left) == 0 {
		return removed, err
	}
	named := make([]string, 0, maxNamed)
	for _, key := range left[:min(len(left), maxNamed)] {
		named = append(named, key.String())
	}
	return removed, errors.Join(fmt.Errorf("%d bindings are left, such as %s: an operator that still runs with --access creates them again, so stop it first",
		len(left), strings.Join(named, ", ")), failed)
}

// removeEach deletes bindings, and returns how many it has deleted, and an error of one that it could not delete.
func removeEach(ctx context.Context, c client.Client, found []objectKey) (removed int, err error) {
	var deletions errgroup.Group
	deletions.SetLimit(maxParallelRemovals)
	deleted := make([]bool, len(found))
	for i, key := range found {
		deletions.Go(func() error {
			err := c.Delete(ctx, key.empty())
			deleted[i] = err == nil
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("deleting %s: %w", key, err)
			}
			return nil
		})
	}
	err = deletions.Wait()
	for _, is := range deleted {
		if is {
			removed++
		}
	}
	return removed, err
}

// listProjected lists the projected bindings of the assignments of namespaces, or of all if none are given, live.
func listProjected(ctx context.Context, c client.Client, namespaces []string) (found []objectKey, err error) {
	for _, kind := range []string{"RoleBindingList", "ClusterRoleBindingList"} {
		page := &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind))
		for {
			if err := c.List(ctx, page, client.Limit(removalPage), client.Continue(page.Continue)); err != nil {
				if apierrors.IsForbidden(err) {
					err = fmt.Errorf("%w; %s", err, installAccess)
				}
				return nil, fmt.Errorf("listing bindings: %w", err)
			}
			for i := range page.Items {
				if isProjected(&page.Items[i], namespaces) {
					found = append(found, keyOf(&page.Items[i]))
				}
			}
			if page.Continue == "" {
				break
			}
		}
	}
	return found, nil
}

// isProjected reports whether a binding is, by its label or its name, a projected one of an assignment of one of the namespaces,
// or of any if none are given.
func isProjected(o client.Object, namespaces []string) bool {
	directory := o.GetLabels()[v1alpha1.LabelDirectory]
	e := newEntry(&Object{Object: o})
	if e != nil {
		directory = e.origin.Directory
	}
	return (e != nil || o.GetLabels()[v1alpha1.LabelAssignment] != "") && (len(namespaces) == 0 || slices.Contains(namespaces, directory))
}
