package bindings

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// AwaitRevoked revokes what a user or group that is not live any more grants, and returns once no binding has a subject
// through it that does not belong there. It goes by what the cache shows of a user: the caller may have read there what this
// index is not told of yet. The error is the context's.
func (b *Bindings) AwaitRevoked(ctx context.Context, kind v1alpha1.PrincipalKind, namespace, name string) error {
	principal := principalKey{namespace, kind, name}
	if kind == v1alpha1.PrincipalUser {
		b.RevokeUser(namespace, name)
	}
	b.revokeThrough(principal) // also of a user, because its Kubernetes user names may not be known
	return b.index.wait(ctx, func() bool {
		return (kind != v1alpha1.PrincipalUser || !b.isBehind(namespace, name)) && !b.hasUnwanted(principal)
	})
}

// isBehind reports whether the cache shows another version of a user than the one that the index was told of last, or cannot be
// read: then it is not known which version the caller has read there.
func (b *Bindings) isBehind(namespace, user string) bool {
	u := &v1alpha1.CloudSSOUser{}
	switch err := b.Cache.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: user}, u, client.UnsafeDisableDeepCopy); {
	case apierrors.IsNotFound(err):
		return b.directories.version(namespace, user) != ""
	case err != nil:
		return true
	}
	return u.ResourceVersion != b.directories.version(namespace, user)
}

// hasUnwanted reports whether a binding has a subject through a user or group that does not belong there. Without its
// CloudSSODirectory it is not known which Kubernetes user names a user had, so then each subject of the namespace counts.
func (b *Bindings) hasUnwanted(principal principalKey) bool {
	if b.isForeignThrough(principal) {
		return true
	}
	if principal.kind != v1alpha1.PrincipalUser {
		return false
	}
	if !b.directories.isDeclared(principal.directory) {
		return b.index.hasSubjects(principal.directory)
	}
	return slices.ContainsFunc(b.directories.namesOf(principal.directory, principal.name), func(name string) bool {
		return b.isForeign(subjectKey{principal.directory, name})
	})
}

// hasForeign reports whether a binding has a subject that does not belong there.
func (b *Bindings) hasForeign(e *entry) bool {
	return slices.ContainsFunc(e.names, func(name string) bool { return !b.belongs(e, name) })
}

// isForeignThrough reports whether a binding has a subject through a user or group that does not belong there.
func (b *Bindings) isForeignThrough(principal principalKey) bool {
	return slices.ContainsFunc(b.index.through(principal), b.hasForeign)
}

// isForeign reports whether a binding has a Kubernetes user name that does not belong there.
func (b *Bindings) isForeign(key subjectKey) bool {
	return slices.ContainsFunc(b.index.holding(key), func(e *entry) bool { return !b.belongs(e, key.name) })
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
