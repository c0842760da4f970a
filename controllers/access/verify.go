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

// verifyAdded reads the users live that were added since the last check, and takes those out that are not effective: they
// may have lost access after the cache was read, and the replica that acknowledged it may be gone. Many users are read
// beside the reconciles, because that takes seconds.
func (r *Reconciler) verifyAdded(ctx context.Context, key types.NamespacedName, known *remembered) error {
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

// verify takes those out of the bindings of an assignment that are not effective. added has the metadata.names of users by
// their Kubernetes user names.
func (r *Reconciler) verify(ctx context.Context, key types.NamespacedName, added map[string]string) error {
	ineffective, err := r.findIneffective(ctx, key.Namespace, added)
	if err != nil || len(ineffective) == 0 {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Users lost access while it was granted to them; they are taken out again", "assignment", key.String(), "users", len(ineffective))
	return r.removeSubjects(ctx, key, ineffective)
}

// findIneffective reads users live, and returns the Kubernetes user names of those that are not effective, or have another
// name. users has their metadata.names by their Kubernetes user names.
func (r *Reconciler) findIneffective(ctx context.Context, namespace string, users map[string]string) (ineffective []string, err error) {
	if len(users) == 0 {
		return nil, nil
	}
	directory, err := r.readDirectory(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var rule *v1alpha1.KubernetesUsername
	if directory != nil {
		rule = directory.Spec.KubernetesUsername
	}
	read := r.readEach
	if len(users) > maxSingleReads {
		read = r.readPages
	}
	named, err := read(ctx, namespace, setOf(slices.Collect(maps.Values(users))...), func(u *v1alpha1.CloudSSOUser) string {
		if !access.IsEffective(u, false) {
			return ""
		}
		name, _ := access.Username(rule, u) // one that gets no name is not effective here
		return name
	})
	for name, user := range users {
		if named[user] != name {
			ineffective = append(ineffective, name)
		}
	}
	return ineffective, err
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
	verify func(ctx context.Context, key types.NamespacedName, added map[string]string) error

	mu      sync.Mutex
	pending map[types.NamespacedName]map[string]string
	wake    chan struct{} // holds one token if pending has been empty
}

func newChecks(verify func(context.Context, types.NamespacedName, map[string]string) error) *checks {
	return &checks{verify: verify, pending: map[types.NamespacedName]map[string]string{}, wake: make(chan struct{}, 1)}
}

func (c *checks) add(key types.NamespacedName, added map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[key] == nil {
		c.pending[key] = map[string]string{}
	}
	maps.Copy(c.pending[key], added)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checks) take() (all map[types.NamespacedName]map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, c.pending = c.pending, map[types.NamespacedName]map[string]string{}
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
