package plugin

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

// complete adds to bindings what they are about: the assignments, the groups and the users. Of the users and slices it keeps those
// of the bindings' subjects alone.
func (r GrantReader) complete(ctx context.Context, found *access.Inventory) error {
	found.IsSameName = IsSameUserName
	origins, subjects := originsOf(found)
	for name := range origins.assignments {
		if err := appendObject(ctx, r, name, &found.Assignments); err != nil {
			return err
		}
	}
	for name := range origins.groups {
		if err := appendObject(ctx, r, name, &found.Groups); err != nil {
			return err
		}
	}
	var err error
	if found.Users, err = r.owners(ctx, subjects); err != nil || !r.Part.Changes {
		return err
	}
	users := map[string]bool{}
	for i := range found.Users {
		users[found.Users[i].Name] = true
	}
	for i := range found.Groups {
		if err := r.appendSlices(ctx, &found.Groups[i], users, found); err != nil {
			return err
		}
	}
	return nil
}

// IsSameUserName reports whether two userNames are one, as name claims compare them.
func IsSameUserName(a, b string) bool { return nameclaim.UserName("", a) == nameclaim.UserName("", b) }

// origins are the names of what bindings come from.
type origins struct{ assignments, groups map[string]bool }

// originsOf returns what bindings come from, and the Kubernetes user names among their subjects.
func originsOf(found *access.Inventory) (from origins, subjects map[string]bool) {
	from, subjects = origins{map[string]bool{}, map[string]bool{}}, map[string]bool{}
	note := func(b metav1.Object, of []rbacv1.Subject) {
		origin := access.OriginOf(b)
		from.assignments[origin.Assignment] = true
		if origin.Kind == v1alpha1.PrincipalGroup {
			from.groups[origin.Principal] = true
		}
		for _, s := range of {
			subjects[s.Name] = true
		}
	}
	for i := range found.RoleBindings {
		note(&found.RoleBindings[i], found.RoleBindings[i].Subjects)
	}
	for i := range found.ClusterRoleBindings {
		note(&found.ClusterRoleBindings[i], found.ClusterRoleBindings[i].Subjects)
	}
	return from, subjects
}

// appendObject reads an object of the directory and appends it. One that does not exist any more is left out.
func appendObject[T any, O object[T]](ctx context.Context, r GrantReader, name string, all *[]T) error {
	if name == "" {
		return nil
	}
	o := O(new(T))
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.Directory.Namespace, Name: name}, o)
	if err == nil {
		*all = append(*all, *o)
	}
	return client.IgnoreNotFound(err)
}

// appendSlices adds the slices of a group that list one of the users, with these members alone.
func (r GrantReader) appendSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, users map[string]bool, found *access.Inventory) error {
	if !g.Spec.Sliced {
		return nil
	}
	var page v1alpha1.CloudSSOMembershipSliceList
	return EachPage(ctx, r.Client, &page, func() bool {
		for _, s := range page.Items {
			s.Spec.Members = slices.DeleteFunc(s.Spec.Members, func(m v1alpha1.Member) bool { return !users[m.Name] })
			if len(s.Spec.Members) > 0 {
				s.ManagedFields = nil
				found.Slices = append(found.Slices, s)
			}
		}
		return true
	}, client.InNamespace(g.Namespace), client.MatchingFields{membership.GroupField: g.Name})
}

// maxClaimReads is up to how many users are found by the claims on their userNames. For more, one pass over all users costs less.
const maxClaimReads = 600

// owners returns the users that get one of the Kubernetes user names, whether they have effect or not.
func (r GrantReader) owners(ctx context.Context, names map[string]bool) ([]v1alpha1.CloudSSOUser, error) {
	if len(names) == 0 {
		return nil, nil
	}
	if len(names) <= maxClaimReads {
		users, complete, err := r.holders(ctx, names)
		if err != nil || complete {
			return users, err
		}
	}
	var users []v1alpha1.CloudSSOUser
	var page v1alpha1.CloudSSOUserList
	err := EachPage(ctx, r.Client, &page, func() bool {
		for i := range page.Items {
			if u := &page.Items[i]; names[r.usernameOf(u)] {
				u.ManagedFields = nil
				users = append(users, *u)
			}
		}
		return true
	}, client.InNamespace(r.Directory.Namespace))
	return users, explained(err, "CloudSSOUsers")
}

// usernameOf returns the Kubernetes user name of a user; "" if it gets none.
func (r GrantReader) usernameOf(u *v1alpha1.CloudSSOUser) string {
	name, err := access.Username(r.Directory.Spec.KubernetesUsername, u)
	if err != nil {
		return ""
	}
	return name
}

// parallelReads is how many users are read at a time: few, because others use the API server too.
const parallelReads = 8

// holders returns the users of Kubernetes user names by the claims on their userNames. It reports false if it has not found each,
// as where the names come from another attribute.
func (r GrantReader) holders(ctx context.Context, names map[string]bool) (users []v1alpha1.CloudSSOUser, complete bool, err error) {
	rule := r.Directory.Spec.KubernetesUsername
	if rule == nil {
		rule = &v1alpha1.KubernetesUsername{}
	}
	if rule.Attribute != "" && rule.Attribute != v1alpha1.UsernameFromUserName {
		return nil, false, nil
	}
	var mu sync.Mutex
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(parallelReads)
	for name := range names {
		readers.Go(func() error {
			u, err := HolderOfUserName(ctx, r.Client, r.Directory.Namespace, strings.TrimPrefix(name, rule.Prefix))
			if err != nil || u == nil || r.usernameOf(u) != name {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			users = append(users, *u)
			return nil
		})
	}
	err = readers.Wait()
	return users, len(users) == len(names), err
}
