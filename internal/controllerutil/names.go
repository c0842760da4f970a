package controllerutil

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// pendingInterval is when to look again at a name whose claim belongs to a request that is under way.
	pendingInterval = 2 * time.Second
	// namesakesInterval is when to look again for namesakes that could not be found.
	namesakesInterval = time.Second
)

// NameOwner finds out which object holds a name, and claims names for objects that no SCIM request has claimed them for.
type NameOwner struct {
	Names  Names
	Claims *nameclaim.Claims
}

// NameHolding says what NameOwner has found out.
type NameHolding struct {
	// Other is the live object that holds the name instead; nil if there is none.
	Other client.Object
	// Undecided says that the claim belongs to a request that is under way.
	Undecided bool
}

// Determine finds out whether a live user or group holds its name, and claims the name for it if no live object does. A
// synchronized object without a namesake holds its name: the request that created it has claimed it, or the sweep does.
func (n NameOwner) Determine(ctx context.Context, o client.Object, source v1alpha1.Source, position v1alpha1.Synchronization) (NameHolding, error) {
	namesakes, err := n.Names.Namesakes(ctx, o)
	if err != nil {
		return NameHolding{}, err
	}
	if source == v1alpha1.SourceSCIM && len(namesakes) == 0 && position == v1alpha1.SynchronizationEnabled {
		return NameHolding{}, nil
	}
	name := nameclaim.NameOf(o)
	holder, err := n.Claims.Holder(ctx, name)
	if err != nil {
		return NameHolding{}, err
	}
	if holder == nil {
		_, err = n.Claims.TryAcquire(ctx, name, o.GetName())
		var taken *nameclaim.TakenError
		var pending *nameclaim.PendingError
		switch {
		case errors.As(err, &taken):
			holder = taken.Holder
		case errors.As(err, &pending):
			return NameHolding{Undecided: true}, nil
		case err != nil:
			return NameHolding{}, err
		default:
			holder = o
		}
	}
	if holder.GetName() == o.GetName() {
		return NameHolding{}, nil
	}
	return NameHolding{Other: holder}, nil
}

// RequeueAfter returns when to look again at a name that is not decided; zero if it is.
func (h NameHolding) RequeueAfter() time.Duration {
	if h.Undecided {
		return pendingInterval
	}
	return 0
}

// Release releases the name that an object held before, if its claim is still the object's.
func (n NameOwner) Release(ctx context.Context, o client.Object, name nameclaim.Name) error {
	claim, err := n.Claims.HeldBy(ctx, name, o.GetName())
	if err != nil {
		return err
	}
	return n.Claims.Release(ctx, claim)
}

// EnqueueNamesakes returns a handler that enqueues the other objects of a name when an object takes or leaves it.
func (n NameOwner) EnqueueNamesakes() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]
	enqueue := func(ctx context.Context, q queue, all ...client.Object) {
		for _, o := range all {
			n.enqueueNamesakes(ctx, q, o)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { enqueue(ctx, q, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { enqueue(ctx, q, e.ObjectNew, e.ObjectOld) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { enqueue(ctx, q, asDeleted(e.Object)) },
	}
}

// asDeleted returns an object with a deletionTimestamp: an object that had no finalizers is deleted without one, and the
// index is not going to show it.
func asDeleted(o client.Object) client.Object {
	gone, ok := o.DeepCopyObject().(client.Object)
	if !ok || policy.IsDeleted(o) {
		return o
	}
	gone.SetDeletionTimestamp(new(metav1.Now()))
	return gone
}

// enqueueNamesakes enqueues the namesakes of an object, and the object itself if it has some. It tries until it has found
// them, because the event does not come again. The queue says when to give up.
func (n NameOwner) enqueueNamesakes(ctx context.Context, q workqueue.TypedRateLimitingInterface[ctrl.Request], o client.Object) {
	namesakes, err := n.Names.Namesakes(ctx, o)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Looking for other objects of the same name failed, and is tried again in a second", "object", client.ObjectKeyFromObject(o))
		ctx = context.WithoutCancel(ctx)
		time.AfterFunc(namesakesInterval, func() {
			if !q.ShuttingDown() {
				n.enqueueNamesakes(ctx, q, o)
			}
		})
		return
	}
	for _, name := range namesakes {
		q.Add(ctrl.Request{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: name}})
	}
	if len(namesakes) > 0 && !policy.IsTerminating(o) {
		q.Add(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	}
}
