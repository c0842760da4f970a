package directory

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// countInterval is the minimum time between two writes of the counts, because an import changes them with every request.
const countInterval = time.Second

// maxConcurrentReconciles lets a new directory be activated while the names of restored ones are claimed, which takes some
// ten seconds at a time.
const maxConcurrentReconciles = 4

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr)
	r.counters = newCounters()
	r.policies = newPolicyCheck(mgr.GetAPIReader(), mgr.GetClient())
	selections := &selectionWatch{selector: r.Selector, changed: make(chan event.GenericEvent)}
	measured := newMeasurements(r.counters)
	if err := errors.Join(mgr.Add(r.policies), mgr.Add(selections), mgr.Add(measured)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssodirectory").
		For(&v1alpha1.CloudSSODirectory{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: changesMoreThanCounts})).
		Watches(&v1alpha1.SCIMCredential{}, handler.EnqueueRequestsFromMapFunc(directoryOf)).
		Watches(&v1alpha1.CloudSSODirectory{}, measured.handler()).
		Watches(&v1alpha1.SCIMCredential{}, measured.handler()).
		Watches(&v1alpha1.CloudSSOUser{}, r.countingHandler()).
		Watches(&v1alpha1.CloudSSOGroup{}, r.countingHandler()).
		WatchesRawSource(source.Channel(selections.changed, handler.EnqueueRequestsFromMapFunc(r.everyDirectory))).
		WatchesRawSource(source.Channel(r.policies.changed, handler.EnqueueRequestsFromMapFunc(r.everyDirectory))).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// changesMoreThanCounts reports whether an update changes more than counts in the status: status.deactivations, which the
// SCIM service writes before it deactivates a user, and those of users and groups, which this controller writes. A reconcile
// at once would write the status after each of these, and the next of them would conflict with it. The change of a user
// requests one an interval later. Without a budget a reconcile removes status.deactivations.
func changesMoreThanCounts(e event.UpdateEvent) bool {
	before, isBefore := e.ObjectOld.(*v1alpha1.CloudSSODirectory)
	after, isAfter := e.ObjectNew.(*v1alpha1.CloudSSODirectory)
	if !isBefore || !isAfter || after.Spec.DisablementBudget == nil || before.ResourceVersion == after.ResourceVersion {
		return true
	}
	counted := *before
	counted.ResourceVersion, counted.ManagedFields = after.ResourceVersion, after.ManagedFields
	counted.Status.Deactivations, counted.Status.Users, counted.Status.Groups = after.Status.Deactivations, after.Status.Users, after.Status.Groups
	return !equality.Semantic.DeepEqual(&counted, after)
}

func directoryOf(_ context.Context, o client.Object) []ctrl.Request {
	return []ctrl.Request{requestFor(o)}
}

func (r *Reconciler) everyDirectory(ctx context.Context, _ client.Object) (all []ctrl.Request) {
	var directories v1alpha1.CloudSSODirectoryList
	if err := r.List(ctx, &directories); err != nil {
		log.FromContext(ctx).Error(err, "The directories could not be listed; they show changed admission policies later.")
	}
	for i := range directories.Items {
		all = append(all, requestFor(&directories.Items[i]))
	}
	return all
}

func requestFor(o client.Object) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: v1alpha1.DirectoryName}}
}

// countingHandler returns a handler that counts users and groups, and requests a reconcile of their directory. The queue
// merges equal requests that wait, so that a directory's counts are written once an interval.
func (r *Reconciler) countingHandler() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]
	counted := func(q queue, before, after client.Object) {
		r.counters.observe(before, after)
		if after != nil {
			q.AddAfter(requestFor(after), countInterval)
		} else {
			q.AddAfter(requestFor(before), countInterval)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { counted(q, nil, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { counted(q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { counted(q, e.Object, nil) },
	}
}
