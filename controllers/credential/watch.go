package credential

import (
	"context"
	"crypto/rand"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// maxConcurrentReconciles is one, so that two credentials do not get the last slot. One is enough, because a directory
// has two credentials, and they seldom change.
const maxConcurrentReconciles = 1

// SetupWithManager adds the reconciler to mgr, whose cache must have the SecretCacheOptions.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr, "scimcredential")
	if r.Random == nil {
		r.Random = rand.Reader
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &corev1.Secret{}, indexTokenHash, tokenHashOf); err != nil {
		return err
	}
	onlyCreatedOrDeleted := predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimcredential").
		For(&v1alpha1.SCIMCredential{}).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(r.requestsForSiblings), builder.WithPredicates(onlyCreatedOrDeleted)).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(r.requestsForConflictsOf), builder.WithPredicates(onlyCreatedOrDeleted)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.requestsForSecret)).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// requestsForSiblings returns requests for all credentials of a namespace, because the slot of a deleted one is free.
func (r *Reconciler) requestsForSiblings(ctx context.Context, o client.Object) []ctrl.Request {
	var siblings v1alpha1.SCIMCredentialList
	if err := r.List(ctx, &siblings, client.InNamespace(o.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the credentials of a namespace after one was created or deleted", "namespace", o.GetNamespace())
		return nil
	}
	requests := make([]ctrl.Request, 0, len(siblings.Items))
	for i := range siblings.Items {
		requests = append(requests, requestFor(client.ObjectKeyFromObject(&siblings.Items[i])))
	}
	return requests
}

// requestsForConflictsOf returns requests for the other credentials with the same token, because the conflict begins
// when the second credential is created, and ends when it is deleted.
func (r *Reconciler) requestsForConflictsOf(ctx context.Context, o client.Object) []ctrl.Request {
	secret := &corev1.Secret{}
	if err := r.Get(ctx, client.ObjectKeyFromObject(o), secret); err != nil {
		if !apierrors.IsNotFound(err) {
			ctrl.LoggerFrom(ctx).Error(err, "Reading the Secret of a credential that was created or deleted", "secret", client.ObjectKeyFromObject(o))
		}
		return nil
	}
	return r.requestsForConflicts(ctx, secret)
}

// requestsForSecret returns requests for the credential of the Secret's name, and for those with its token. If a Secret
// changes, it is called with the old and with the new one.
func (r *Reconciler) requestsForSecret(ctx context.Context, o client.Object) []ctrl.Request {
	requests := []ctrl.Request{requestFor(client.ObjectKeyFromObject(o))}
	if secret, ok := o.(*corev1.Secret); ok {
		requests = append(requests, r.requestsForConflicts(ctx, secret)...)
	}
	return requests
}

func (r *Reconciler) requestsForConflicts(ctx context.Context, secret *corev1.Secret) []ctrl.Request {
	keys, err := r.conflicts(ctx, secret)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Finding credentials with the same token")
	}
	requests := make([]ctrl.Request, 0, len(keys))
	for _, key := range keys {
		requests = append(requests, requestFor(key))
	}
	return requests
}

func requestFor(key client.ObjectKey) ctrl.Request { return ctrl.Request{NamespacedName: key} }
