package plugin

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// FindUser returns the user that holds a userName, in any spelling, or the user of that metadata.name.
func FindUser(ctx context.Context, c client.Client, namespace, name string) (*v1alpha1.CloudSSOUser, error) {
	u := &v1alpha1.CloudSSOUser{}
	return u, find(ctx, c, nameclaim.UserName(namespace, name), name, u)
}

// FindGroup returns the group that holds a displayName, in any spelling, or the group of that metadata.name.
func FindGroup(ctx context.Context, c client.Client, namespace, name string) (*v1alpha1.CloudSSOGroup, error) {
	g := &v1alpha1.CloudSSOGroup{}
	return g, find(ctx, c, nameclaim.DisplayName(namespace, name), name, g)
}

// find reads the holder of a name into o, or else the object that is called so. A claim may outlast its holder for a moment.
func find(ctx context.Context, c client.Client, name nameclaim.Name, called string, o client.Object) error {
	var claim v1alpha1.CloudSSONameClaim
	err := c.Get(ctx, name.Key(), &claim)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the claim on %s %q: %w", name.Attribute(), called, err)
	}
	for _, object := range []string{claim.Spec.Holder, called} {
		if object == "" {
			continue
		}
		err := c.Get(ctx, client.ObjectKey{Namespace: name.Namespace, Name: object}, o)
		if err == nil {
			return nil
		}
		if !apierrors.IsNotFound(err) && !apierrors.IsBadRequest(err) {
			return fmt.Errorf("reading %s %s/%s: %w", name.Kind, name.Namespace, object, err)
		}
	}
	return &NotFoundError{name, called}
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

// SameUserName returns the names of all users with a userName, in any spelling: deprovisioned users too, which hold no
// claim. It reads all users of the namespace, in pages.
func SameUserName(ctx context.Context, c client.Client, namespace, userName string) (names []string, err error) {
	wanted := nameclaim.UserName(namespace, userName)
	var page v1alpha1.CloudSSOUserList
	err = EachPage(ctx, c, &page, func() bool {
		for i := range page.Items {
			if nameclaim.NameOf(&page.Items[i]) == wanted {
				names = append(names, page.Items[i].Name)
			}
		}
		return true
	}, client.InNamespace(namespace))
	return names, err
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
