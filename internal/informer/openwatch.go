package informer

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/klog/v2"
)

// settleTime is how long a watch is open before it counts as one. A reflector takes an earlier end without an event for
// a failure, lists again, and its back-off grows; client-go's REST client answers a lost connection with such a watch.
const settleTime = time.Second

// openWatch passes events on to a reflector. Every end that a new list is not needed for is a plain end, after which the
// reflector watches again at once.
type openWatch struct {
	*listerWatcher
	from   watch.Interface
	events chan watch.Event
	stop   context.CancelFunc
}

var (
	errClosed = errors.New("the API server closed the watch")
	errEnded  = errors.New("the watch was ended because it missed an event")
)

// ResultChan implements watch.Interface.
func (w *openWatch) ResultChan() <-chan watch.Event { return w.events }

// Stop implements watch.Interface.
func (w *openWatch) Stop() { w.stop() }

// run passes events on until the context that Stop ends has ended, or the one that EndWatch ends, or the watch itself.
func (w *openWatch) run(ctx, open context.Context) {
	defer close(w.events)
	defer w.from.Stop()
	settle := time.NewTimer(settleTime)
	defer settle.Stop()
	settled, err := w.pass(ctx, open, settle.C)
	if err == nil || ctx.Err() != nil {
		return
	}
	w.fail(time.Now())
	if settled {
		return
	}
	klog.FromContext(ctx).Info("Watch ended within its first second and is opened again", "kind", w.kind, "err", err)
	select {
	case <-settle.C:
	case <-ctx.Done():
	}
}

// pass passes events on. It returns why the watch ended, or nil if the reflector knows.
func (w *openWatch) pass(ctx, open context.Context, settle <-chan time.Time) (settled bool, err error) {
	loads := newLoads(w)
	loading, stopLoading := context.WithCancel(open)
	defer stopLoading()
	loads.start(loading)
	for {
		select {
		case <-loads.changed:
			loads.start(loading)
		case page := <-loads.pages:
			if !loads.inject(open, page) {
				return settled, errEnded
			}
		case <-open.Done():
			return settled, errEnded
		case <-settle:
			settled = true
			w.succeed()
		case event, more := <-w.from.ResultChan():
			switch {
			case open.Err() != nil: // the event may be an error that says so
				return settled, errEnded
			case !more:
				return settled, errClosed
			case event.Type == watch.Error:
				return settled, w.passError(ctx, event, settled)
			}
			revision, isNeeded := loads.prepare(event)
			if isNeeded && !w.send(open, event) {
				return settled, errEnded
			}
			w.passed(revision)
		}
	}
}

// passError passes an error on if only a new list can help. An error early in a watch may be an event that cannot be
// decoded, and would come back. Any other is returned.
func (w *openWatch) passError(ctx context.Context, event watch.Event, settled bool) error {
	err := apierrors.FromObject(event.Object)
	if settled && !needsList(err) {
		return err
	}
	w.fail(time.Now())
	w.send(ctx, event)
	return nil
}

// passed records that the reflector has an event.
func (w *openWatch) passed(revision uint64) {
	if w.trimmer != nil {
		w.trimmer.passed(revision)
	}
}

func (w *openWatch) send(ctx context.Context, event watch.Event) bool {
	select {
	case w.events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}
