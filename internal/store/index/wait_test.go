package index

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func key(id string) client.ObjectKey { return client.ObjectKey{Namespace: "acme", Name: id} }

func exists(e *Entry[*group]) bool { return e != nil }

func isGone(e *Entry[*group]) bool { return e == nil }

func (x *Index[T]) isWaitedFor() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entryWaiters)+len(x.revisionWaiters) > 0
}

func TestMetConditionIsNotWaitedFor(t *testing.T) {
	x := newIndex(0)
	x.addAll(newGroup("a", 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"an entry":           x.WaitForEntry(ctx, key("a"), exists),
		"no entry":           x.WaitForEntry(ctx, key("b"), isGone),
		"no namespace":       x.WaitForEntry(ctx, client.ObjectKey{Namespace: "absent", Name: "a"}, isGone),
		"this revision":      x.WaitForRevision(ctx, "acme", 5),
		"a revision before":  x.WaitForRevision(ctx, "acme", 4),
		"any revision":       x.WaitForRevision(ctx, "acme", 0),
		"any revision, none": x.WaitForRevision(ctx, "absent", 0),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// waiting is a request that waits in a bubble of synctest.
type waiting struct {
	*testing.T
	result chan error
}

func begin(t *testing.T, wait func() error) waiting {
	w := waiting{t, make(chan error, 1)}
	go func() { w.result <- wait() }()
	return w
}

// start begins a wait that is not over at once.
func start(t *testing.T, wait func() error) waiting {
	t.Helper()
	w := begin(t, wait)
	w.goesOn("at once")
	return w
}

func (w waiting) goesOn(what string) {
	w.Helper()
	synctest.Wait()
	select {
	case err := <-w.result:
		w.Fatalf("%s: the wait is over: %v", what, err)
	default:
	}
}

func (w waiting) isOver(what string) {
	w.Helper()
	synctest.Wait()
	select {
	case err := <-w.result:
		if err != nil {
			w.Errorf("%s: %v", what, err)
		}
	default:
		w.Fatalf("%s: the wait goes on", what)
	}
}

func TestEntryIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newIndex(0)
		created := start(t, func() error { return x.WaitForEntry(t.Context(), key("a"), exists) })
		renamed := start(t, func() error {
			return x.WaitForEntry(t.Context(), key("a"), func(e *Entry[*group]) bool { return e != nil && e.Name == "new" })
		})
		x.addAll(newGroup("b", 1, named("new")), newGroup("a", 2, inNamespace("other"), named("new")))
		created.goesOn("objects of other keys")
		x.addAll(newGroup("a", 3))
		created.isOver("the object is there")
		renamed.goesOn("the object has its old name")
		x.OnUpdate(nil, newGroup("a", 4, named("new")))
		renamed.isOver("the object has its new name")
		gone := start(t, func() error { return x.WaitForEntry(t.Context(), key("a"), isGone) })
		x.OnDelete(newGroup("b", 5))
		gone.goesOn("another object is deleted")
		x.OnDelete(newGroup("a", 6))
		gone.isOver("the object is deleted")
		if x.isWaitedFor() {
			t.Error("a waiter is left")
		}
	})
}

func TestRevisionIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newIndex(10)
		fifth := start(t, func() error { return x.WaitForRevision(t.Context(), "acme", 5) })
		twelfth := start(t, func() error { return x.WaitForRevision(t.Context(), "acme", 12) })
		x.addAll(newGroup("a", 9))
		fifth.goesOn("an item of a list says nothing of the others")
		x.addAll(newGroup("a", 13, inNamespace("other")))
		fifth.goesOn("an event of another namespace")
		x.addAll(newGroup("b", 11))
		fifth.isOver("a later event")
		twelfth.goesOn("an earlier event")
		x.OnDelete(newGroup("b", 12))
		twelfth.isOver("the event is a deletion")
		if x.isWaitedFor() {
			t.Error("a waiter is left")
		}
	})
}

// A namespace that empties was shown up to the deletion of its last object.
func TestRevisionOfEmptiedNamespaceIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newIndex(0)
		before := start(t, func() error { return x.WaitForRevision(t.Context(), "acme", 6) })
		x.addAll(newGroup("a", 5))
		x.OnDelete(newGroup("a", 6))
		before.isOver("waited for before the deletion")
		for _, revision := range []uint64{5, 6} {
			begin(t, func() error { return x.WaitForRevision(t.Context(), "acme", revision) }).isOver("waited for after the deletion")
		}
		x.addAll(newGroup("b", 4)) // as an informer shows that lists again
		later := start(t, func() error { return x.WaitForRevision(t.Context(), "acme", 7) })
		x.OnUpdate(nil, newGroup("b", 7))
		later.isOver("the next event")
	})
}

func TestEndOfContextLeavesNoWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newIndex(0)
		reason := errors.New("the client has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		stays := start(t, func() error { return x.WaitForEntry(t.Context(), key("a"), exists) })
		byEntry := start(t, func() error { return x.WaitForEntry(ctx, key("a"), exists) })
		byRevision := start(t, func() error { return x.WaitForRevision(ctx, "acme", 5) })
		cancel(reason)
		for _, w := range []waiting{byEntry, byRevision} {
			if err := <-w.result; !errors.Is(err, reason) {
				t.Errorf("the error is %v", err)
			}
		}
		if n := len(x.entryWaiters[key("a")]); n != 1 || len(x.revisionWaiters) != 0 {
			t.Errorf("%d requests wait for the entry, %d for a revision", n, len(x.revisionWaiters))
		}
		x.addAll(newGroup("a", 5))
		stays.isOver("the object is there")
		if x.isWaitedFor() {
			t.Error("a waiter is left")
		}
	})
}

func TestObjectIsSeenAsItWasReadOrLater(t *testing.T) {
	x := newIndex(3)
	expect := func(what string, o *group, want bool) {
		t.Helper()
		if got := x.HasSeen(o); got != want {
			t.Errorf("%s: seen %t", what, got)
		}
	}
	expect("none", newGroup("a", 2), false)
	x.addAll(newGroup("a", 2)) // of a list
	expect("as listed", newGroup("a", 2), true)
	expect("a later write", newGroup("a", 5), false)
	expect("another one of the list, which may come yet", newGroup("b", 1), false)
	x.addAll(newGroup("c", 6)) // watched
	expect("an earlier write, gone by now", newGroup("a", 5), true)
	expect("a later write than the last event", newGroup("a", 7), false)
	expect("of another namespace", newGroup("a", 5, inNamespace("other")), false)
}
