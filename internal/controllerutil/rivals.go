package controllerutil

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// rivalsInterval is when namesakes that could not be had are asked for again.
const rivalsInterval = time.Second

// EnqueueRivals enqueues the other objects of a name that somebody took or left, and where there are some, that object
// too: what it says of itself may be what only one of them can. namesakes are the
// holders of an object's name, as of that object's revision or later: after a change they are asked of
// the new object first, so that who has left the name is no longer found to hold it.
func EnqueueRivals[T client.Object](namesakes func(context.Context, T) ([]T, error)) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]
	enqueue := func(ctx context.Context, q queue, objects ...client.Object) {
		for _, object := range objects {
			if o, ok := object.(T); ok {
				enqueueRivals(ctx, q, o, namesakes)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { enqueue(ctx, q, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { enqueue(ctx, q, e.ObjectNew, e.ObjectOld) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { enqueue(ctx, q, e.Object) },
	}
}

// enqueueRivals asks until it is answered: the event does not come again, and a name that was left is in it
// alone, not in the object any more. Its context ends with the handler, so the queue says when to give up.
func enqueueRivals[T client.Object](ctx context.Context, q workqueue.TypedRateLimitingInterface[ctrl.Request], o T, namesakes func(context.Context, T) ([]T, error)) {
	all, err := namesakes(ctx, o)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Looking for others of the same name failed; it is tried again in a second", "object", client.ObjectKeyFromObject(o))
		ctx = context.WithoutCancel(ctx)
		time.AfterFunc(rivalsInterval, func() {
			if !q.ShuttingDown() {
				enqueueRivals(ctx, q, o, namesakes)
			}
		})
		return
	}
	others := slices.DeleteFunc(all, func(other T) bool { return other.GetName() == o.GetName() })
	if len(others) == 0 {
		return
	}
	for _, rival := range append(others, o) {
		q.Add(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(rival)})
	}
}
