package credential

import (
	"context"
	"crypto/rand"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxConcurrentReconciles is one, so that two credentials do not get the last slot. One is enough, because a directory
// has two credentials, and they seldom change.
const maxConcurrentReconciles = 1

// specOrLabels leaves out changes of the status: the SCIM service writes the time of the last use there, and the
// controller the name of a Secret before it creates it. A change of a label is for a person who wants a reconcile.
var specOrLabels = predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{})

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr)
	if r.Random == nil {
		r.Random = rand.Reader
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimcredential").
		For(&v1alpha1.SCIMCredential{}, builder.WithPredicates(specOrLabels)).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(r.requestsForSiblings), builder.WithPredicates(predicate.Funcs{UpdateFunc: hasNewToken})).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// hasNewToken reports whether a credential was given its token.
func hasNewToken(e event.UpdateEvent) bool {
	before, ok1 := e.ObjectOld.(*v1alpha1.SCIMCredential)
	after, ok2 := e.ObjectNew.(*v1alpha1.SCIMCredential)
	return ok1 && ok2 && before.Spec.TokenHash != after.Spec.TokenHash
}

// requestsForSiblings returns requests for the credentials that another one affects, which was created or deleted or got
// its token: those with the same token, and those that wait for its slot.
func (r *Reconciler) requestsForSiblings(ctx context.Context, o client.Object) []ctrl.Request {
	c, ok := o.(*v1alpha1.SCIMCredential)
	if !ok {
		return nil
	}
	var siblings v1alpha1.SCIMCredentialList
	if err := r.List(ctx, &siblings, client.InNamespace(c.Namespace)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the credentials of a namespace after one of them changed", "namespace", c.Namespace)
		return nil
	}
	var requests []ctrl.Request
	for i := range siblings.Items {
		other := &siblings.Items[i]
		waits := policy.CredentialHoldsSlot(c) && !policy.CredentialHoldsSlot(other)
		if waits || haveSameToken(c, other) {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(other)})
		}
	}
	return requests
}

// haveSameToken reports whether two credentials of a directory are in conflict.
func haveSameToken(a, b *v1alpha1.SCIMCredential) bool {
	return a.Name != b.Name && a.Spec.TokenHash != "" && a.Spec.TokenHash == b.Spec.TokenHash
}
