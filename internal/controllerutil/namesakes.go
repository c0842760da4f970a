package controllerutil

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

const (
	// IndexInterval is when to look again at an index that does not show an object yet, which takes a millisecond as a rule.
	IndexInterval = 20 * time.Millisecond
	// maxIndexLooks bounds the looks at an index for one event, together 20 s: an index whose watch has missed a deletion
	// does not tell that it has seen the object.
	maxIndexLooks = 1000
)

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// Namesakes enqueues the objects that share a name with an object that has changed, once the index shows the change. Of two
// objects that get one name, the later event therefore finds the earlier object. An event handler must not wait, so what the
// index does not show yet is looked at again by Start.
type Namesakes struct {
	Names Names

	mu   sync.Mutex
	late map[client.ObjectKey]*lateChange
	wake chan struct{} // holds one token if late has been empty
}

// lateChange is a change that the index does not show yet.
type lateChange struct {
	queue  queue
	object client.Object
	before []client.Object // the object as it was before, at each event that the index did not show
	looks  int
}

// NewNamesakes returns Namesakes without changes to look at. The manager must run it.
func NewNamesakes(names Names) *Namesakes {
	return &Namesakes{Names: names, late: map[client.ObjectKey]*lateChange{}, wake: make(chan struct{}, 1)}
}

// Enqueue returns a handler that enqueues the other objects of a name when an object takes or leaves it, and the object
// itself if it has some.
func (n *Namesakes) Enqueue() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { n.changed(q, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { n.changed(q, e.ObjectNew, e.ObjectOld) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { n.changed(q, e.Object) },
	}
}

// changed enqueues the namesakes of an object as it is and as it was before, or leaves that to Start.
func (n *Namesakes) changed(q queue, o client.Object, before ...client.Object) {
	if n.Names.HasSeen(o) {
		n.enqueue(q, o, before)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.late[client.ObjectKeyFromObject(o)]
	if c == nil {
		c = &lateChange{}
		n.late[client.ObjectKeyFromObject(o)] = c
	}
	c.queue, c.object, c.before, c.looks = q, o, append(c.before, before...), 0
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Start implements manager.Runnable.
func (n *Namesakes) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		}
		for n.look() > 0 {
			if !pauseFor(ctx, IndexInterval) {
				return nil
			}
		}
	}
}

// look enqueues the namesakes of the changes that the index shows by now, and returns how many it does not show.
func (n *Namesakes) look() (left int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, c := range n.late {
		if c.looks++; c.looks < maxIndexLooks && !n.Names.HasSeen(c.object) {
			continue
		}
		delete(n.late, key)
		n.enqueue(c.queue, c.object, c.before)
	}
	return len(n.late)
}

func (n *Namesakes) enqueue(q queue, o client.Object, before []client.Object) {
	for _, named := range append(before, o) {
		namesakes := n.Names.Namesakes(named)
		for _, name := range namesakes {
			q.Add(ctrl.Request{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: name}})
		}
		if len(namesakes) > 0 {
			q.Add(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}
	}
}
