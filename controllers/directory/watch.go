package directory

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// countInterval is how often counts are written at most: an import changes them with every request, and
// nobody reads them faster.
const countInterval = time.Second

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssodirectory").
		For(&v1alpha1.CloudSSODirectory{}).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(directoryOf)).
		Watches(&v1alpha1.CloudSSOUser{}, r.count()).
		Watches(&v1alpha1.CloudSSOGroup{}, r.count()).
		Complete(r)
}

func directoryOf(_ context.Context, o client.Object) []ctrl.Request {
	return []ctrl.Request{requestFor(o)}
}

func requestFor(o client.Object) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: v1alpha1.DirectoryName}}
}

// count takes what changes into the census. A queue holds a request that is added again before its time
// once, so that a directory's counts are written once in an interval.
func (r *Reconciler) count() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]
	counted := func(q queue, was, is client.Object) {
		r.census.observe(was, is)
		if o := is; o != nil {
			q.AddAfter(requestFor(o), countInterval)
		} else {
			q.AddAfter(requestFor(was), countInterval)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { counted(q, nil, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { counted(q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { counted(q, e.Object, nil) },
	}
}
