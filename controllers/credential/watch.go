package credential

import (
	"context"

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

// maxConcurrentReconciles is one: who gets the last slot is decided one at a time. There are two
// credentials to a directory, and they seldom change.
const maxConcurrentReconciles = 1

// SetupWithManager adds the reconciler to mgr, whose cache has to have the SecretCacheOptions.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &corev1.Secret{}, indexTokenHash, tokenHashOf); err != nil {
		return err
	}
	comesOrGoes := predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
	return ctrl.NewControllerManagedBy(mgr).
		Named("scimcredential").
		For(&v1alpha1.SCIMCredential{}).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(r.siblings), builder.WithPredicates(comesOrGoes)).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(r.rivalsOfCredential), builder.WithPredicates(comesOrGoes)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.credentialsOfSecret)).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// siblings are the credentials of a namespace: when one goes, its slot is free.
func (r *Reconciler) siblings(ctx context.Context, o client.Object) []ctrl.Request {
	var siblings v1alpha1.SCIMCredentialList
	if err := r.List(ctx, &siblings, client.InNamespace(o.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the credentials beside one that came or went", "namespace", o.GetNamespace())
		return nil
	}
	requests := make([]ctrl.Request, 0, len(siblings.Items))
	for i := range siblings.Items {
		requests = append(requests, requestFor(client.ObjectKeyFromObject(&siblings.Items[i])))
	}
	return requests
}

// rivalsOfCredential are those with its token: when it comes they are in conflict, when it goes, no more.
func (r *Reconciler) rivalsOfCredential(ctx context.Context, o client.Object) []ctrl.Request {
	secret := &corev1.Secret{}
	if err := r.Get(ctx, client.ObjectKeyFromObject(o), secret); err != nil {
		if !apierrors.IsNotFound(err) {
			ctrl.LoggerFrom(ctx).Error(err, "Reading the Secret of a credential that came or went", "secret", client.ObjectKeyFromObject(o))
		}
		return nil
	}
	return r.rivalsOf(ctx, secret)
}

// credentialsOfSecret are the credential of its name, and those with its token. Of a change, the map is
// asked for the old and for the new Secret.
func (r *Reconciler) credentialsOfSecret(ctx context.Context, o client.Object) []ctrl.Request {
	requests := []ctrl.Request{requestFor(client.ObjectKeyFromObject(o))}
	if secret, ok := o.(*corev1.Secret); ok {
		requests = append(requests, r.rivalsOf(ctx, secret)...)
	}
	return requests
}

func (r *Reconciler) rivalsOf(ctx context.Context, secret *corev1.Secret) []ctrl.Request {
	keys, err := r.rivals(ctx, secret)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Looking for credentials with the same token")
	}
	requests := make([]ctrl.Request, 0, len(keys))
	for _, key := range keys {
		requests = append(requests, requestFor(key))
	}
	return requests
}

func requestFor(key client.ObjectKey) ctrl.Request { return ctrl.Request{NamespacedName: key} }
