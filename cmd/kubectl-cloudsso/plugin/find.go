package plugin

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// FindUser returns the user that holds a userName, in any spelling, or the user of that metadata.name, or else the user that
// had the userName last.
func FindUser(ctx context.Context, c client.Client, namespace, name string) (*v1alpha1.CloudSSOUser, error) {
	users, err := FindUsers(ctx, c, namespace, name)
	if err != nil {
		return nil, err
	}
	return slices.MaxFunc(users, func(a, b *v1alpha1.CloudSSOUser) int {
		return deprovisionedAt(a).Compare(deprovisionedAt(b))
	}), nil
}

func deprovisionedAt(u *v1alpha1.CloudSSOUser) (at time.Time) {
	if u.Spec.DeprovisionedAt != nil {
		at = u.Spec.DeprovisionedAt.Time
	}
	return at
}

// FindUsers returns the user that holds a userName, in any spelling, or the user of that metadata.name. If there is none, it
// returns all users with the userName: the live ones, or else the deprovisioned ones. For these it reads all users of the
// namespace, in pages.
func FindUsers(ctx context.Context, c client.Client, namespace, name string) ([]*v1alpha1.CloudSSOUser, error) {
	return find[v1alpha1.CloudSSOUser](ctx, c, nameclaim.UserName(namespace, name), name, &v1alpha1.CloudSSOUserList{})
}

// FindGroup returns the group that holds a displayName, in any spelling, or the group of that metadata.name, or else one with
// the displayName.
func FindGroup(ctx context.Context, c client.Client, namespace, name string) (*v1alpha1.CloudSSOGroup, error) {
	groups, err := find[v1alpha1.CloudSSOGroup](ctx, c, nameclaim.DisplayName(namespace, name), name, &v1alpha1.CloudSSOGroupList{})
	if err != nil {
		return nil, err
	}
	return groups[0], nil
}

// HolderOfUserName returns the live user that holds a userName, in any spelling, or the user of that metadata.name; nil if there is
// none. It reads three objects at most.
func HolderOfUserName(ctx context.Context, c client.Client, namespace, name string) (*v1alpha1.CloudSSOUser, error) {
	return holder[v1alpha1.CloudSSOUser](ctx, c, nameclaim.UserName(namespace, name), name)
}

// HolderOfDisplayName is HolderOfUserName for groups and their displayName.
func HolderOfDisplayName(ctx context.Context, c client.Client, namespace, name string) (*v1alpha1.CloudSSOGroup, error) {
	return holder[v1alpha1.CloudSSOGroup](ctx, c, nameclaim.DisplayName(namespace, name), name)
}

// object is a pointer to a T that the API server has.
type object[T any] interface {
	*T
	client.Object
}

// find returns the live holder of a name, or the object that is called so, or else all objects with the name; never none
// without an error.
func find[T any, O object[T]](ctx context.Context, c client.Client, name nameclaim.Name, called string, page client.ObjectList) ([]O, error) {
	held, err := holder[T, O](ctx, c, name, called)
	if err != nil || held != nil {
		return []O{held}, err
	}
	same, err := scan[O](ctx, c, name, page)
	if err == nil && len(same) == 0 {
		err = &NotFoundError{name, called}
	}
	return same, err
}

// holder returns the live holder of a name, or the object that is called so; nil if there is none. A claim alone is no proof: it may
// outlast its holder, and that of a deprovisioned user stays.
func holder[T any, O object[T]](ctx context.Context, c client.Client, name nameclaim.Name, called string) (O, error) {
	var claim v1alpha1.CloudSSONameClaim
	if err := c.Get(ctx, name.Key(), &claim); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the claim on %s %q: %w", name.Attribute(), called, err)
	}
	held, err := read[T, O](ctx, c, name, claim.Spec.Holder)
	if err != nil || held != nil && policy.IsLive(held) && nameclaim.NameOf(held) == name {
		return held, err
	}
	return read[T, O](ctx, c, name, called)
}

// read returns the object of a metadata.name; nil if there is none.
func read[T any, O object[T]](ctx context.Context, c client.Client, name nameclaim.Name, called string) (O, error) {
	if called == "" || len(content.IsPathSegmentName(called)) > 0 { // client-go refuses the latter without asking
		return nil, nil
	}
	o := O(new(T))
	err := c.Get(ctx, client.ObjectKey{Namespace: name.Namespace, Name: called}, o)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) { // 400: no object can be called so
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %s/%s: %w", name.Kind, name.Namespace, called, err)
	}
	return o, nil
}

// scan returns the live objects that have a name, or else all objects that have it.
func scan[O client.Object](ctx context.Context, c client.Client, name nameclaim.Name, page client.ObjectList) (same []O, err error) {
	err = EachPage(ctx, c, page, func() bool {
		_ = meta.EachListItem(page, func(item runtime.Object) error {
			if o, is := item.(O); is && nameclaim.NameOf(o) == name {
				same = append(same, o)
			}
			return nil
		})
		return true
	}, client.InNamespace(name.Namespace))
	if live := slices.DeleteFunc(slices.Clone(same), func(o O) bool { return !policy.IsLive(o) }); len(live) > 0 {
		return live, err
	}
	return same, err
}

// NotFoundError says that a directory has no user or group of a name.
type NotFoundError struct {
	name   nameclaim.Name
	called string
}

// Error returns what was looked for and where.
func (e *NotFoundError) Error() string {
	kind := map[v1alpha1.ClaimedKind]string{v1alpha1.ClaimedByUser: "user", v1alpha1.ClaimedByGroup: "group"}[e.name.Kind]
	return fmt.Sprintf("namespace %s has no %s with %s or metadata.name %q", e.name.Namespace, kind, e.name.Attribute(), e.called)
}

// MembersOf returns the names of a group's members, sorted: those of its own list and of its slices.
func MembersOf(ctx context.Context, c client.Client, g *v1alpha1.CloudSSOGroup) ([]string, error) {
	names := namesOf(nil, g.Spec.Members)
	var page v1alpha1.CloudSSOMembershipSliceList
	err := EachPage(ctx, c, &page, func() bool {
		for i := range page.Items {
			if policy.SourceOf(&page.Items[i]) == policy.SourceOf(g) {
				names = namesOf(names, page.Items[i].Spec.Members)
			}
		}
		return true
	}, client.InNamespace(g.Namespace), client.MatchingFields{membership.GroupField: g.Name})
	slices.Sort(names)
	return slices.Compact(names), err
}

func namesOf(names []string, members []v1alpha1.Member) []string {
	for _, m := range members {
		names = append(names, m.Name)
	}
	return names
}

// EachPage reads a list page by page. look is called when the list holds the next page, and reports whether to go on.
func EachPage(ctx context.Context, c client.Client, list client.ObjectList, look func() bool, options ...client.ListOption) error {
	for next := ""; ; {
		if err := meta.SetList(list, nil); err != nil { // so that no field of the page before stays in the next
			return err
		}
		if err := c.List(ctx, list, append(options, client.Limit(pageSize), client.Continue(next))...); err != nil {
			return err
		}
		if !look() {
			return nil
		}
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}
