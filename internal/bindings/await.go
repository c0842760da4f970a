package bindings

import (
	"context"
	"slices"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// AwaitRevoked revokes, and returns once no binding has a subject through the user or group that does not belong there. The
// error is the context's.
func (b *Bindings) AwaitRevoked(ctx context.Context, kind v1alpha1.PrincipalKind, namespace, name string) error {
	if kind == v1alpha1.PrincipalGroup {
		b.RevokeGroup(namespace, name)
	} else {
		b.RevokeUser(namespace, name)
	}
	return b.index.wait(ctx, func() bool { return !b.hasUnwanted(principalKey{namespace, kind, name}) })
}

// hasUnwanted reports whether a binding has a subject through a user or group that does not belong there.
func (b *Bindings) hasUnwanted(principal principalKey) bool {
	entries := b.index.through(principal)
	if principal.kind == v1alpha1.PrincipalUser {
		for _, name := range b.directories.namesOf(principal.directory, principal.name) {
			entries = append(entries, b.index.holding(subjectKey{principal.directory, name})...)
		}
	}
	return slices.ContainsFunc(entries, func(e *entry) bool { return len(b.unwanted(e)) > 0 })
}

// shownTimeout bounds the wait for an informer to show a write of this replica, which takes a millisecond as a rule. If it
// takes longer, nothing goes wrong: a write that is planned from an older binding conflicts.
const shownTimeout = time.Second

// awaitGone waits until the index shows none of the Kubernetes user names in a binding.
func (b *Bindings) awaitGone(ctx context.Context, key objectKey, names []string) {
	b.await(ctx, func() bool {
		e := b.index.get(key)
		return e == nil || !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(e.names, name) })
	})
}

// awaitShown waits until the index shows another version of a binding than before; "" is none.
func (b *Bindings) awaitShown(ctx context.Context, key objectKey, before string) {
	b.await(ctx, func() bool {
		if e := b.index.get(key); e != nil {
			return e.object.GetResourceVersion() != before
		}
		return before != ""
	})
}

func (b *Bindings) await(ctx context.Context, isShown func() bool) {
	ctx, cancel := context.WithTimeout(ctx, shownTimeout)
	defer cancel()
	_ = b.index.wait(ctx, isShown) // the time is over
}
