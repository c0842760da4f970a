package bindings

import (
	"context"
	"errors"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// Binding is a binding as it should be.
type Binding struct {
	access.Origin
	// Target is the namespace of the binding; "" for a ClusterRoleBinding.
	Target string
	Number int
	// ResourceVersion is that of the binding from which this one was planned, as View.ResourceVersion returns it; "" if there
	// was none.
	ResourceVersion string
	RoleRef         rbacv1.RoleRef
	// Subjects are Kubernetes user names. Without one the binding is deleted.
	Subjects []string
}

// Write creates, changes or deletes a binding, and returns once the index shows it. The error is a Conflict of the API
// machinery if the binding is not what it was planned from any more. A binding whose role is another one is deleted, and
// created again. A binding that was without the label of its assignment, so that no informer shows it, is taken over. To
// delete what is gone is no error; to create in a namespace that does not exist is NotFound.
func (b *Bindings) Write(ctx context.Context, want Binding) error { return errors.ErrUnsupported }
