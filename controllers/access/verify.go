package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// maxSingleReads is how many users are read one by one after they were added; more are read with one list in pages.
	maxSingleReads = 100
	// parallelReads bounds the live reads of one check that are under way.
	parallelReads = 8
	// pageSize is that of the list: some hundred kilobytes.
	pageSize = 500
	// maxRemovals bounds the attempts to take a subject out of a binding that others write.
	maxRemovals = 10
)

// grantee is a user who gets a role.
type grantee struct {
	user  string // metadata.name; "" if the Kubernetes user name means none any more
	group string // metadata.name of the group through which; "" if the user is the principal
}

// granteeOf returns the user that a Kubernetes user name means now.
func (p *pass) granteeOf(name string) (g grantee) {
	g.user, _ = p.roster.names.Owner(name)
	if p.origin.Kind == v1alpha1.PrincipalGroup {
		g.group = p.origin.Principal
	}
	return g
}

// verifyAdded reads live the users that were added since the last check, and their group, and takes those out that are not
// effective or no members: they may have lost access after the cache was read, and the replica that acknowledged it may be
// gone. Many users are read beside the reconciles, because that takes seconds.
func (r *Reconciler) verifyAdded(ctx context.Context, key types.NamespacedName) error {
	known := r.memory.of(key)
	added := known.added
	known.added = nil
	if len(added) > maxSingleReads {
		r.checks.add(key, added)
		return nil
	}
	if err := r.verify(ctx, key, added); err != nil {
		known.added = added
		return err
	}
	return nil
}

// verify takes those out of the bindings of an assignment that are not effective or no members. added has users by their
// Kubernetes user names.
func (r *Reconciler) verify(ctx context.Context, key types.NamespacedName, added map[string]grantee) error {
	ineffective, err := r.findIneffective(ctx, key.Namespace, added)
	if err != nil || len(ineffective) == 0 {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Users lost access while it was granted to them; they are taken out again", "assignment", key.String(), "users", len(ineffective))
	return r.removeSubjects(ctx, key, ineffective)
}

// findIneffective reads users and their groups live, and returns the Kubernetes user names of those that are not effective, are
// no members, or have another name. users are by their Kubernetes user names.
func (r *Reconciler) findIneffective(ctx context.Context, namespace string, users map[string]grantee) (ineffective []string, err error) {
	if len(users) == 0 {
		return nil, nil
	}
	named, err := r.readNames(ctx, namespace, users)
	if err != nil {
		return nil, err
	}
	members, err := r.readMembers(ctx, namespace, users)
	if err != nil {
		return nil, err
	}
	for name, g := range users {
		if named[g.user] != name || g.group != "" && !members[g.group][g.user] {
			ineffective = append(ineffective, name)
		}
	}
	return ineffective, nil
}

// readNames reads users live, and returns the Kubernetes user names of those that are effective, by metadata.name.
func (r *Reconciler) readNames(ctx context.Context, namespace string, users map[string]grantee) (map[string]string, error) {
	directory, err := r.readDirectory(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var rule *v1alpha1.KubernetesUsername
	if directory != nil {
		rule = directory.Spec.KubernetesUsername
	}
	asked := map[string]bool{}
	for _, g := range users {
		asked[g.user] = true
	}
	read := r.readEach
	if len(users) > maxSingleReads {
		read = r.readPages
	}
	return read(ctx, namespace, asked, func(u *v1alpha1.CloudSSOUser) string {
		if !access.IsEffective(u, false) {
			return ""
		}
		name, _ := access.Username(rule, u) // one that gets no name is not effective here
		return name
	})
}

// readMembers reads the groups of users live, and returns those that are members, by group and by metadata.name.
func (r *Reconciler) readMembers(ctx context.Context, namespace string, users map[string]grantee) (members map[string]map[string]bool, err error) {
	asked := map[string]map[string]bool{}
	for _, g := range users {
		if g.group == "" || g.user == "" {
			continue
		}
		if asked[g.group] == nil {
			asked[g.group] = map[string]bool{}
		}
		asked[g.group][g.user] = true
	}
	members = map[string]map[string]bool{}
	for group, of := range asked {
		if members[group], err = r.readMembersOf(ctx, client.ObjectKey{Namespace: namespace, Name: group}, of); err != nil {
			return nil, fmt.Errorf("reading whether users of a binding are members of CloudSSOGroup %s/%s: %w", namespace, group, err)
		}
	}
	return members, nil
}

// readMembersOf reads a group live, and those of its slices in which the cache shows one of the users, and returns which of them
// are members. It lists the slices live if one of the users is in none of these: the user may have moved to another slice.
func (r *Reconciler) readMembersOf(ctx context.Context, group client.ObjectKey, users map[string]bool) (members map[string]bool, err error) {
	g := &v1alpha1.CloudSSOGroup{}
	if err := r.Live.Get(ctx, group, g); err != nil || !policy.IsLive(g) {
		return nil, client.IgnoreNotFound(err)
	}
	members = map[string]bool{}
	addMembers(members, users, g)
	cached, err := controllerutil.ListsOfGroup(ctx, r.Client, g)
	if err != nil {
		return nil, err
	}
	touched := slices.DeleteFunc(cached[1:], func(list client.Object) bool {
		return !slices.ContainsFunc(membership.MembersOf(list), func(m v1alpha1.Member) bool { return users[m.Name] && !members[m.Name] })
	})
	current, err := r.readSlices(ctx, g, touched)
	if err != nil {
		return nil, err
	}
	if addMembers(members, users, current...); len(members) == len(users) {
		return members, nil
	}
	all, err := controllerutil.ListsOfGroup(ctx, r.Live, g)
	if err != nil {
		return nil, err
	}
	addMembers(members, users, all[1:]...)
	return members, nil
}

// addMembers adds to members those of the users that are in one of the lists.
func addMembers(members, users map[string]bool, lists ...client.Object) {
	for _, list := range lists {
		for _, m := range membership.MembersOf(list) {
			if users[m.Name] {
				members[m.Name] = true
			}
		}
	}
}

// readSlices reads slices of a group live, one by one, and returns those that exist.
func (r *Reconciler) readSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, cached []client.Object) (current []client.Object, err error) {
	var mu sync.Mutex
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(parallelReads)
	for _, list := range cached {
		reads.Go(func() error {
			s := &v1alpha1.CloudSSOMembershipSlice{}
			if err := r.Live.Get(ctx, client.ObjectKeyFromObject(list), s); err != nil || !controllerutil.IsSliceOf(s, g) {
				return client.IgnoreNotFound(err)
			}
			mu.Lock()
			defer mu.Unlock()
			current = append(current, s)
			return nil
		})
	}
	err = reads.Wait()
	return current, err
}

// readEach reads users live, one by one, and returns what nameOf makes of those that exist.
func (r *Reconciler) readEach(ctx context.Context, namespace string, users map[string]bool, nameOf func(*v1alpha1.CloudSSOUser) string) (map[string]string, error) {
	var mu sync.Mutex
	names := make(map[string]string, len(users))
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(parallelReads)
	for user := range users {
		if user == "" { // the Kubernetes user name meant a user when it was added, and none right after that
			continue
		}
		reads.Go(func() error {
			u := &v1alpha1.CloudSSOUser{}
			if err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: user}, u); err != nil {
				return client.IgnoreNotFound(err)
			}
			mu.Lock()
			defer mu.Unlock()
			names[user] = nameOf(u)
			return nil
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, fmt.Errorf("reading the users of namespace %s that a binding was just given: %w", namespace, err)
	}
	return names, nil
}

// readPages is readEach with one list.
func (r *Reconciler) readPages(ctx context.Context, namespace string, users map[string]bool, nameOf func(*v1alpha1.CloudSSOUser) string) (map[string]string, error) {
	names := make(map[string]string, len(users))
	for next := ""; ; {
		var page v1alpha1.CloudSSOUserList
		if err := r.Live.List(ctx, &page, client.InNamespace(namespace), client.Limit(pageSize), client.Continue(next)); err != nil {
			return nil, fmt.Errorf("listing the users of namespace %s after access was granted: %w", namespace, err)
		}
		for i := range page.Items {
			if u := &page.Items[i]; users[u.Name] {
				names[u.Name] = nameOf(u)
			}
		}
		if next = page.Continue; next == "" {
			return names, nil
		}
	}
}

// removeSubjects removes Kubernetes user names from the bindings of an assignment, whatever else is written to them.
func (r *Reconciler) removeSubjects(ctx context.Context, key types.NamespacedName, names []string) error {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = false
	}
	var err error
	for range maxRemovals {
		if err = r.removeSubjectsOnce(ctx, key, wanted); !apierrors.IsConflict(err) {
			return err
		}
	}
	return err
}

func (r *Reconciler) removeSubjectsOnce(ctx context.Context, key types.NamespacedName, wanted map[string]bool) error {
	for _, target := range r.Bindings.Targets(key) {
		view := r.Bindings.View(key, target)
		for number, subjects := range access.Plan(view, wanted, false) {
			binding, found := r.Bindings.Get(key, target, number)
			if !found {
				continue
			}
			origin := access.OriginOf(binding)
			origin.Directory, origin.Assignment = key.Namespace, key.Name
			err := r.Bindings.Write(ctx, bindings.Binding{
				Origin: origin, Target: target, Number: number,
				ResourceVersion: view.ResourceVersion(number), RoleRef: binding.RoleRef, Subjects: subjects,
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checks are the checks of many users, which run beside the reconciles. They are a manager.Runnable of the leader.
type checks struct {
	verify func(ctx context.Context, key types.NamespacedName, added map[string]grantee) error

	mu      sync.Mutex
	pending map[types.NamespacedName]map[string]grantee
	wake    chan struct{} // holds one token if pending has been empty
}

func newChecks(verify func(context.Context, types.NamespacedName, map[string]grantee) error) *checks {
	return &checks{verify: verify, pending: map[types.NamespacedName]map[string]grantee{}, wake: make(chan struct{}, 1)}
}

func (c *checks) add(key types.NamespacedName, added map[string]grantee) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[key] == nil {
		c.pending[key] = map[string]grantee{}
	}
	maps.Copy(c.pending[key], added)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checks) take() (all map[types.NamespacedName]map[string]grantee) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, c.pending = c.pending, map[types.NamespacedName]map[string]grantee{}
	return all
}

// Start implements manager.Runnable.
func (c *checks) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		for key, added := range c.take() {
			if err := c.verify(ctx, key, added); err != nil && ctx.Err() == nil {
				ctrl.LoggerFrom(ctx).Error(err, "The users that a binding was just given could not be checked; they are checked again.", "assignment", key.String())
				if !pauseFor(ctx, retryInterval) {
					return nil
				}
				c.add(key, added)
			}
		}
	}
}
