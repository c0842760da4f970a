package bindings

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Selector returns the selector of the projected bindings, for the informers: those of the assignments of the namespaces,
// or of all if none are given.
func Selector(namespaces []string) labels.Selector { return labels.Everything() }

// RemoveAll deletes every projected binding in the cluster, and returns how many it has deleted. The error says which are
// left. c reads from the API server.
func RemoveAll(ctx context.Context, c client.Client) (removed int, err error) {
	return 0, errors.ErrUnsupported
}
