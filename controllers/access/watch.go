package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Priorities in the queue: what may take access away goes first, what goes on with a push last.
const (
	laterPriority  = -10
	usualPriority  = 0
	urgentPriority = 100
)

const (
	// maxConcurrentReconciles is small: a reconcile writes in parallel, and ends after some tenths of a second.
	maxConcurrentReconciles = 4
	// A failed reconcile is tried again after firstRetry, and then after twice as long each time, up to lastRetry: long enough
	// for an API server that is away, short enough for a person who has put right what was refused. If access was to be taken
	// away, it is tried again within retryInterval.
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
	// revokedInterval is when to look at what has been revoked: two writes of one binding at the same time would conflict.
	revokedInterval = 500 * time.Millisecond
)

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// SetupWithManager adds the reconciler to mgr. The field index membership.GroupField of slices is that of the controller of
// groups.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr)
	if err := ctrl.NewControllerManagedBy(mgr).Named("cloudssodirectorybindings").
		For(&v1alpha1.CloudSSODirectory{}, builder.WithPredicates(isBeingDeleted)).Complete(directoryReconciler{r}); err != nil {
		return err
	}
	named := ctrl.NewControllerManagedBy(mgr).Named("cloudssoaccessassignment")
	if r.Bindings == nil {
		return named.For(&v1alpha1.CloudSSOAccessAssignment{}).Complete(r)
	}
	r.memory, r.rights = newMemory(), newRights(mgr.GetClient(), r.Now)
	r.policies = &policies{reader: mgr.GetClient(), writer: mgr.GetClient()}
	r.checks = newChecks(r.verify)
	r.loads = &loads{bindings: r.Bindings, now: r.Now}
	for _, runnable := range []interface{ Start(context.Context) error }{r.checks, sweeper{r}, selectionWatch{r}} {
		if err := mgr.Add(runnable); err != nil {
			return err
		}
	}
	return named.
		Watches(&v1alpha1.CloudSSOAccessAssignment{}, r.onAssignment()).
		Watches(&v1alpha1.CloudSSODirectory{}, r.onDirectory(), builder.WithPredicates(controllerutil.SwitchChanges)).
		Watches(&v1alpha1.CloudSSOGroup{}, r.onGroup()).
		Watches(&v1alpha1.CloudSSOMembershipSlice{}, r.onSlice()).
		Watches(&v1alpha1.CloudSSOUser{}, r.onUser()).
		WatchesMetadata(&corev1.Namespace{}, r.onNamespace()).
		WatchesMetadata(&rbacv1.ClusterRole{}, r.onRole(v1alpha1.RoleKindClusterRole)).
		WatchesMetadata(&rbacv1.Role{}, r.onRole(v1alpha1.RoleKindRole)).
		Watches(&admissionv1.ValidatingAdmissionPolicy{}, r.onPolicy()).
		Watches(&admissionv1.ValidatingAdmissionPolicyBinding{}, r.onPolicy()).
		WatchesRawSource(source.Func(r.subscribe)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: maxConcurrentReconciles,
			RateLimiter:             newLimiter(r.memory),
		}).
		Complete(r)
}

var isBeingDeleted = predicate.NewPredicateFuncs(func(o client.Object) bool { return policy.IsBeingDeleted(o) })

// subscribe has assignments reconciled when bindings change, and when Kubernetes user names mean other users, until ctx ends.
func (r *Reconciler) subscribe(ctx context.Context, q queue) error {
	if prioritized, ok := q.(priorityqueue.PriorityQueue[ctrl.Request]); ok {
		r.queue.Store(&prioritized)
	}
	unsubscribe := r.Bindings.Subscribe(r.onChange)
	context.AfterFunc(ctx, unsubscribe)
	return nil
}

// enqueue has assignments reconciled.
func (r *Reconciler) enqueue(priority int, keys ...types.NamespacedName) {
	r.enqueueAfter(0, priority, keys...)
}

// enqueueAfter has assignments reconciled after a time, or earlier if they are in the queue already.
func (r *Reconciler) enqueueAfter(after time.Duration, priority int, keys ...types.NamespacedName) {
	q := r.queue.Load()
	if q == nil || !r.isSwept.Load() {
		return // the sweep has all of them reconciled
	}
	for _, key := range keys {
		(*q).AddWithOpts(priorityqueue.AddOpts{After: after, Priority: &priority}, ctrl.Request{NamespacedName: key})
	}
}

// limiter says when a failed reconcile is tried again.
type limiter struct {
	workqueue.TypedRateLimiter[ctrl.Request]
	memory *memory
}

func newLimiter(m *memory) limiter {
	return limiter{workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](firstRetry, lastRetry), m}
}

// When implements workqueue.TypedRateLimiter.
func (l limiter) When(req ctrl.Request) time.Duration {
	after := l.TypedRateLimiter.When(req)
	if l.memory.isRemovalLeft(req.NamespacedName) {
		return min(after, retryInterval)
	}
	return after
}

// priorityOf returns the priority of what may take access away, or cannot.
func priorityOf(mayTakeAway bool) int {
	if mayTakeAway {
		return urgentPriority
	}
	return usualPriority
}

// noteFor adds work for assignments and has them reconciled. What the cache shows before the sweep has ended, the first
// reconcile of each sees, but an index may be behind it.
func (r *Reconciler) noteFor(priority int, keys []types.NamespacedName, w work) {
	if !r.isSwept.Load() && len(w.names)+len(w.unseen) == 0 {
		return
	}
	for _, key := range keys {
		r.memory.note(key, w.clone())
	}
	r.enqueue(priority, keys...)
}

// noteRevoked is noteFor after package bindings has been told of the same revocation, which it carries out at once.
func (r *Reconciler) noteRevoked(keys []types.NamespacedName, w work) {
	if !r.isSwept.Load() {
		r.noteFor(urgentPriority, keys, w)
		return
	}
	for _, key := range keys {
		r.memory.noteRevoked(key, w.clone(), time.Now().Add(revokedInterval))
	}
	r.enqueueAfter(revokedInterval, urgentPriority, keys...)
}

// onChange is told of each change of the bindings' index.
func (r *Reconciler) onChange(c bindings.Change) {
	switch {
	case c.Namespace == "":
		r.noteFor(priorityOf(!c.IsOwn), []types.NamespacedName{c.Assignment}, work{})
	case c.All:
		r.noteFor(urgentPriority, r.inNamespace(c.Namespace), work{all: true})
	default:
		for _, name := range c.Usernames {
			r.onUsername(c.Namespace, name)
		}
	}
}

// onUsername is told that a Kubernetes user name may mean another user than before. If no user gets it, those that had it lose access.
func (r *Reconciler) onUsername(namespace, name string) {
	owner, contenders := r.Bindings.Usernames(namespace).Owner(name)
	keys := r.Bindings.Having(namespace, name)
	if owner != "" {
		r.noteFor(priorityOf(len(keys) > 0), append(keys, r.throughUser(namespace, owner)...), work{names: setOf(name)})
		return
	}
	for _, user := range contenders {
		if len(keys) > 0 {
			r.Bindings.RevokeUser(namespace, user)
		}
		keys = append(keys, r.throughUser(namespace, user)...)
	}
	r.noteRevoked(keys, work{names: setOf(name)})
}

// throughUser returns the assignments whose principal is a user or one of its groups.
func (r *Reconciler) throughUser(namespace, user string) []types.NamespacedName {
	if r.memory.isEmpty() {
		return nil
	}
	return append(r.memory.ofUser(namespace, user), r.memory.ofGroups(namespace, r.Memberships.GroupsOf(namespace, user)...)...)
}

func (r *Reconciler) inNamespace(namespace string) []types.NamespacedName {
	return r.memory.find(func(key types.NamespacedName, _ *v1alpha1.CloudSSOAccessAssignmentSpec) bool {
		return key.Namespace == namespace
	})
}

// onAssignment returns a handler that remembers what assignments name, and has them reconciled.
func (r *Reconciler) onAssignment() handler.EventHandler {
	changed := func(o client.Object, priority int) {
		if a, ok := o.(*v1alpha1.CloudSSOAccessAssignment); ok {
			r.memory.set(a, pinnedName(a))
			r.memory.note(client.ObjectKeyFromObject(a), work{unseen: r.newest.in(a.Namespace)})
			r.enqueue(priority, client.ObjectKeyFromObject(a))
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) { changed(e.Object, usualPriority) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) {
			switch before, after := e.ObjectOld, e.ObjectNew; {
			case policy.IsBeingDeleted(after):
				changed(after, urgentPriority)
			case before.GetGeneration() != after.GetGeneration(), before.GetUID() != after.GetUID(), !controllerutil.HasFinalizers(after, v1alpha1.FinalizerBindings):
				changed(after, urgentPriority) // the change may take access away
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) {
			r.enqueue(urgentPriority, client.ObjectKeyFromObject(e.Object))
		},
	}
}

func pinnedName(a *v1alpha1.CloudSSOAccessAssignment) string {
	if a.Status.Principal == nil {
		return ""
	}
	return a.Status.Principal.Name
}

// onDirectory returns a handler for the directories whose switch is turned.
func (r *Reconciler) onDirectory() handler.EventHandler {
	return onEachEvent(func(c change) { r.enqueue(urgentPriority, r.inNamespace(c.object().GetNamespace())...) })
}

// onGroup returns a handler for groups: of those that change their names or end, the assignments are looked at whole; of
// those that change their members, these.
func (r *Reconciler) onGroup() handler.EventHandler {
	return onEachEvent(func(c change) {
		r.noteNewest(c)
		r.changedPrincipal(c)
		r.changedMembers(c)
		if isLive(c.before) && !isLive(c.after) {
			r.Bindings.RevokeGroup(c.before.GetNamespace(), c.before.GetName())
		}
	})
}

// onSlice returns a handler for slices.
func (r *Reconciler) onSlice() handler.EventHandler { return onEachEvent(r.changedMembers) }

// noteNewest keeps a user or group for the assignments that come after it, before it is asked which are there already:
// otherwise one that is created in between would not wait for it.
func (r *Reconciler) noteNewest(c change) {
	if !c.keepsIdentity() {
		r.newest.set(c.after)
	}
}

// changedPrincipal has the assignments looked at again that name a user or group, if what they depend on has changed.
func (r *Reconciler) changedPrincipal(c change) {
	if c.keepsIdentity() {
		return
	}
	var all []client.Object
	var w work
	if c.before != nil {
		all = append(all, c.before)
	}
	if c.after != nil {
		all, w.unseen = append(all, c.after), objectsOf(c.after)
	}
	r.noteFor(priorityOf(isLive(c.before)), r.memory.naming(all...), w)
}

// keepsIdentity reports whether a user or group is meant by the same assignments as before.
func (c change) keepsIdentity() bool {
	return c.before != nil && c.after != nil && identityOf(c.before) == identityOf(c.after)
}

// identity is what says of a user or group whether an assignment means it.
type identity struct {
	uid                        types.UID
	name, externalID, accepted string
	source                     v1alpha1.Source
	isLive, isTrimmed          bool
}

func identityOf(o client.Object) identity {
	return identity{o.GetUID(), nameclaim.NameOf(o).Folded, externalID(o), acceptedName(o), policy.SourceOf(o), policy.IsLive(o), cachetransform.IsTrimmed(o)}
}

// changedMembers has the users looked at that a group or slice lists or does not list any more, and revokes what those have
// through the group.
func (r *Reconciler) changedMembers(c change) {
	added, removed := c.members()
	if len(added)+len(removed) == 0 {
		return
	}
	namespace, group := c.object().GetNamespace(), membership.GroupOf(c.object())
	keys := r.memory.ofGroups(namespace, group)
	if len(keys) == 0 {
		return
	}
	w := work{users: usersOf(append(added, removed...)...)}
	if len(removed) > 0 {
		r.Bindings.RevokeMembers(namespace, group, removed)
	}
	if len(added) > 0 {
		r.noteFor(priorityOf(len(removed) > 0), keys, w)
	} else {
		r.noteRevoked(keys, w)
	}
}

// members returns the users that a list has got, and those that it has lost.
func (c change) members() (added, removed []string) {
	was, is := membersOf(c.before), membersOf(c.after)
	if c.before != nil && c.after != nil && policy.SourceOf(c.before) != policy.SourceOf(c.after) {
		return slices.Collect(maps.Keys(is)), slices.Collect(maps.Keys(was))
	}
	for name := range is {
		if !was[name] {
			added = append(added, name)
		}
	}
	for name := range was {
		if !is[name] {
			removed = append(removed, name)
		}
	}
	return added, removed
}

// membersOf returns the members of a list that counts.
func membersOf(list client.Object) map[string]bool {
	if list == nil || policy.IsTerminating(list) {
		return nil
	}
	members := membership.MembersOf(list)
	names := make(map[string]bool, len(members))
	for _, m := range members {
		names[m.Name] = true
	}
	return names
}

// onUser returns a handler for users. Those that lose access lose it in every binding, whatever the queue has to do.
func (r *Reconciler) onUser() handler.EventHandler {
	return onEachEvent(func(c change) {
		r.noteNewest(c)
		if r.memory.isEmpty() {
			return
		}
		r.changedPrincipal(c)
		was, is := asUser(c.before), asUser(c.after)
		if namingOf(was) == namingOf(is) {
			return
		}
		namespace, name := c.object().GetNamespace(), c.object().GetName()
		keys, w := r.throughUser(namespace, name), work{users: usersOf(name)}
		if namingOf(was).mayHaveAccess {
			r.Bindings.RevokeUser(namespace, name)
		}
		if namingOf(is).mayHaveAccess {
			r.noteFor(priorityOf(namingOf(was).mayHaveAccess), keys, w)
		} else {
			r.noteRevoked(keys, w)
		}
	})
}

func asUser(o client.Object) *v1alpha1.CloudSSOUser {
	u, _ := o.(*v1alpha1.CloudSSOUser)
	return u
}

// naming is what of a user says which Kubernetes user name it gets, if any.
type naming struct {
	mayHaveAccess                bool // unless another user holds its userName
	userName, externalID, emails string
	source                       v1alpha1.Source
}

func namingOf(u *v1alpha1.CloudSSOUser) (n naming) {
	if u == nil || !access.IsEffective(u, false) {
		return n
	}
	n = naming{mayHaveAccess: true, userName: u.Spec.UserName, externalID: u.Spec.ExternalID, source: u.Spec.Source}
	for _, e := range u.Spec.Emails {
		n.emails += fmt.Sprintf("%q %t ", e.Value, e.Primary != nil && *e.Primary)
	}
	return n
}

func isLive(o client.Object) bool { return o != nil && policy.IsLive(o) }

// onNamespace returns a handler for namespaces that appear, end, or get other labels.
func (r *Reconciler) onNamespace() handler.EventHandler {
	return onEachEvent(func(c change) {
		if c.after == nil {
			r.newest.forget(c.before.GetName())
		}
		if isLive(c.before) == isLive(c.after) && (!isLive(c.after) || maps.Equal(c.before.GetLabels(), c.after.GetLabels())) {
			return
		}
		r.enqueue(priorityOf(isLive(c.before)), r.memory.find(func(_ types.NamespacedName, spec *v1alpha1.CloudSSOAccessAssignmentSpec) bool {
			return spec.Target.NamespaceSelector != nil || slices.Contains(spec.Target.Namespaces, c.object().GetName())
		})...)
	})
}

// onRole returns a handler for roles that appear or end.
func (r *Reconciler) onRole(kind v1alpha1.RoleKind) handler.EventHandler {
	return onEachEvent(func(c change) {
		if isLive(c.before) == isLive(c.after) {
			return
		}
		ref := v1alpha1.AccessRoleRef{Kind: kind, Name: c.object().GetName()}
		r.enqueue(priorityOf(isLive(c.before)), r.memory.find(func(_ types.NamespacedName, spec *v1alpha1.CloudSSOAccessAssignmentSpec) bool {
			return spec.RoleRef == ref
		})...)
	})
}

// onPolicy returns a handler for admission policies and their bindings.
func (r *Reconciler) onPolicy() handler.EventHandler {
	return onEachEvent(func(change) {
		r.policies.changed()
		r.enqueue(usualPriority, r.memory.find(func(types.NamespacedName, *v1alpha1.CloudSSOAccessAssignmentSpec) bool { return true })...)
	})
}

// change is an object before and after an event; nil for none.
type change struct{ before, after client.Object }

// object returns the object as it is, or was last.
func (c change) object() client.Object {
	if c.after != nil {
		return c.after
	}
	return c.before
}

// onEachEvent returns a handler that calls a function with the change of each event.
func onEachEvent(handle func(change)) handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) { handle(change{after: e.Object}) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) { handle(change{e.ObjectOld, e.ObjectNew}) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) { handle(change{before: e.Object}) },
	}
}
