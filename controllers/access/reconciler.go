package access

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// The rights on roles and bindings come with config/access.
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssoaccessassignments,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssoaccessassignments/status,verbs=patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers;cloudssogroups;cloudssomembershipslices;cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles CloudSSOAccessAssignments. SetupWithManager fills in what Base does not have.
type Reconciler struct {
	controllerutil.Base
	controllerutil.NameOwner
	Memberships controllerutil.Memberships
	Principals  controllerutil.Principals
	// Bindings writes what is projected; nil if the operator was installed without access.
	Bindings *bindings.Bindings
	// Selector says which namespaces may be directories; nil selects every one.
	Selector *namespaceselector.Selector
	// ExcludedNamespaces are those in which nothing is bound.
	ExcludedNamespaces []string

	memory   *memory
	newest   newest
	rights   *rights
	policies *policies
	checks   *checks
	loads    *loads
	queue    atomic.Pointer[priorityqueue.PriorityQueue[ctrl.Request]]
	isSwept  atomic.Bool
}

// conflictInterval is the least time until another pass after a write that was a conflict: the index shows the other write by
// then. It is jittered, because passes that conflict with each other would do so again.
const conflictInterval = 100 * time.Millisecond

// retryInterval is when to try again what has failed, and is not in the queue.
const retryInterval = time.Second

// Reconcile brings one assignment up to date. Before the sweep has ended, it leaves that to the sweep, which has every
// assignment reconciled.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	if r.Bindings == nil {
		return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSOAccessAssignment{}, r.reportNotInstalled)
	}
	if !r.isSwept.Load() {
		return ctrl.Result{}, nil
	}
	r.memory.begin(req.NamespacedName)
	if isGone, err := r.removeUnknown(ctx, req.NamespacedName); isGone || err != nil {
		return ctrl.Result{}, err
	}
	goesOn := false
	result, err = controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSOAccessAssignment{},
		func(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (after time.Duration, err error) {
			goesOn, after, err = r.reconcile(ctx, a)
			return after, err
		})
	if goesOn && err == nil {
		return ctrl.Result{RequeueAfter: time.Nanosecond, Priority: new(laterPriority)}, nil // after what has come meanwhile
	}
	return result, err
}

// reconcile takes the steps. It reports whether another pass has to follow at once.
func (r *Reconciler) reconcile(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (goesOn bool, after time.Duration, err error) {
	key := client.ObjectKeyFromObject(a)
	if policy.IsBeingDeleted(a) {
		if err := r.finalize(ctx, a); err != nil {
			return false, 0, err
		}
		r.memory.withdraw(key)
		return false, 0, nil
	}
	w := r.memory.take(key, time.Now())
	goesOn, after, err = r.update(ctx, a, &w)
	r.memory.putBack(key, w)
	// The queue merges requests for one assignment, so the one that noteRevoked has put off may have come before its time.
	return goesOn, controllerutil.Soonest(after, r.memory.revokedIn(key, time.Now())), err
}

// update does the work that was asked for. If it is not done, what is left of it is in w.
func (r *Reconciler) update(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, w *work) (goesOn bool, after time.Duration, err error) {
	// Asked before the index is read: it may be told of them in between.
	if w.unseen, err = r.unindexed(ctx, *w); err != nil {
		return false, 0, err
	}
	s, err := r.assess(ctx, a, w.unseen)
	if err != nil {
		return false, 0, err
	}
	list, err := r.newRoster(ctx, a, s.object, s.rule)
	if err != nil {
		return false, 0, err
	}
	if behind, late, err := r.isBehind(ctx, s, list, *w); behind || err != nil {
		w.count(s.isPartial(), late)
		isOvertaken, failed := r.takeAway(ctx, a, s, list, w)
		return false, w.interval(isOvertaken), cmp.Or(err, failed, r.verifyAdded(ctx, client.ObjectKeyFromObject(a)))
	}
	pinned := a.Status.Principal
	if s.unprepared == nil {
		s.unprepared = r.prepare(ctx, a, s, w)
	}
	if s.unprepared != nil {
		s.effect, s.allowed = min(s.effect, keeps), nil
	}
	if a.Status.Principal != pinned { // from now on changes of its members are noted; those before it may have come after the list
		if s.object, err = r.readPrincipal(ctx, a.Spec.Principal.Kind, a.Namespace, s.principal.Name); err != nil {
			return false, 0, err
		}
		if list, err = r.newRoster(ctx, a, s.object, s.rule); err != nil {
			return false, 0, err
		}
	}
	return r.writeBindingsAndStatus(ctx, a, s, list, w)
}

// prepare takes the steps that only granting needs. If one fails, access is still taken away.
func (r *Reconciler) prepare(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, w *work) (err error) {
	if err := controllerutil.EnsureFinalizers(ctx, r.Client, a, v1alpha1.FinalizerBindings); err != nil {
		return err
	}
	if s.position == policy.SwitchAbsent || s.phase == expired {
		return nil
	}
	if s.policies, err = r.policies.problem(ctx); err != nil {
		return err
	}
	s.effect = s.effectOf(a)
	if s.object != nil {
		if err := r.pin(ctx, a, s.object); err != nil {
			return err
		}
	}
	if s.effect == grants || len(r.Bindings.Targets(client.ObjectKeyFromObject(a))) > 0 {
		if err := controllerutil.EnsureFinalizers(ctx, r.Client, s.directory.DeepCopy(), v1alpha1.FinalizerBindings); err != nil {
			return fmt.Errorf("adding the finalizer %s to CloudSSODirectory %s/%s: %w", v1alpha1.FinalizerBindings, a.Namespace, v1alpha1.DirectoryName, err)
		}
	}
	s.allowed, err = r.requireRight(ctx, a.Spec.RoleRef, &s.targets, w.all || r.memory.of(client.ObjectKeyFromObject(a)).applied == "")
	return err
}

// takeAway removes what an assignment grants no more, and grants nothing, while an index is behind: what takes access away does
// not wait for it. It does so once for what has changed. It reports whether a write was a conflict, so that it has to do so again.
func (r *Reconciler) takeAway(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster, w *work) (isOvertaken bool, err error) {
	known := r.memory.of(client.ObjectKeyFromObject(a))
	isRestricted := known.removed != s.restriction(a)
	if !isRestricted && !w.removes {
		return false, nil
	}
	kept := *s
	kept.effect = min(s.effect, keeps)
	p := r.newPass(a, &kept, list)
	p.isFull, p.wasApplied = isRestricted || w.removesAny, !isRestricted
	done, err := p.run(ctx, *w)
	r.memory.setRemovalLeft(p.key, err != nil || done.isRemovalLeft)
	w.add(p.rest())
	w.all = w.all || isRestricted
	if len(done.repaired) > 0 {
		r.Emit(a, repairedEvent(done.repaired))
	}
	if err = cmp.Or(err, done.err); err != nil || done.isOvertaken {
		w.all, w.removesAny = true, true // because the next pass does not see again what has changed since the last one
		return done.isOvertaken, err
	}
	known.removed, w.removes, w.removesAny = s.restriction(a), false, false
	return false, nil
}

// writeBindingsAndStatus writes bindings and status.
func (r *Reconciler) writeBindingsAndStatus(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster, w *work) (goesOn bool, after time.Duration, err error) {
	key := client.ObjectKeyFromObject(a)
	done, err := r.project(ctx, a, s, list, *w)
	r.memory.setRemovalLeft(key, err != nil || done.isRemovalLeft)
	// Until all is done, because the next pass does not see again what has changed since the last one.
	w.all, w.removes, w.removesAny = true, true, true
	if err != nil {
		return false, 0, err
	}
	if len(done.repaired) > 0 {
		r.Emit(a, repairedEvent(done.repaired))
	}
	if s.unprepared == nil && done.isIncomplete && done.err == nil && !done.isOvertaken {
		return true, 0, nil
	}
	if err := r.conclude(ctx, a, s, list, done); err != nil {
		return false, 0, err
	}
	if done.isOvertaken {
		return false, wait.Jitter(conflictInterval, 1), nil
	}
	after = s.requeueAfter()
	*w = work{all: s.isUnsettled(), unseen: w.unseen, names: done.distrusted}
	if len(w.unseen)+len(w.names) > 0 {
		after = controllerutil.Soonest(after, pendingInterval)
	}
	return false, after, nil
}

// conclude reads live the users that were added, and writes the status of a pass that has ended, or that has failed.
func (r *Reconciler) conclude(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster, done result) error {
	key := client.ObjectKeyFromObject(a)
	if err := r.verifyAdded(ctx, key); err != nil {
		return err
	}
	if s.unprepared != nil {
		return cmp.Or(done.err, s.unprepared)
	}
	if s.position == policy.SwitchAbsent && done.err == nil && !done.isOvertaken {
		r.memory.withdraw(key)
	}
	if done.isIncomplete && done.err == nil {
		return nil
	}
	return cmp.Or(r.report(ctx, a, s, list, done), done.err)
}

// finalize deletes the bindings of an assignment that is being deleted, and lets it go.
func (r *Reconciler) finalize(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) error {
	if !controllerutil.HasFinalizers(a, v1alpha1.FinalizerBindings) {
		return nil
	}
	if err := r.removeAll(ctx, client.ObjectKeyFromObject(a)); err != nil {
		return err
	}
	return controllerutil.DropFinalizers(ctx, r.Client, a, v1alpha1.FinalizerBindings)
}

// removeUnknown deletes the bindings of an assignment that does not exist, and reports whether it does not. What the cache
// does not have is read live before that. What finalizers of other programs keep after that holds up no directory.
func (r *Reconciler) removeUnknown(ctx context.Context, key types.NamespacedName) (isGone bool, err error) {
	a := &v1alpha1.CloudSSOAccessAssignment{}
	if err := r.Get(ctx, key, a); !apierrors.IsNotFound(err) {
		return false, err
	}
	if len(r.Bindings.Targets(key)) > 0 {
		if err := r.Live.Get(ctx, key, a); !apierrors.IsNotFound(err) {
			return false, err
		}
		if err := r.removeAll(ctx, key); err != nil {
			return true, err
		}
	}
	r.memory.forget(key)
	if r.Bindings.AreBeingDeleted(key) {
		r.memory.withdraw(key)
	}
	return true, nil
}

// removeAll deletes the bindings of an assignment in every target.
func (r *Reconciler) removeAll(ctx context.Context, key types.NamespacedName) error {
	p := &pass{Reconciler: r, key: key, situation: &situation{}, known: r.memory.of(key), isFull: true, roster: &roster{names: r.Bindings.Usernames(key.Namespace)}}
	p.origin = access.Origin{Directory: key.Namespace, Assignment: key.Name}
	for _, name := range p.boundTargets() {
		t := &target{name: name, view: r.Bindings.View(key, name)}
		p.observe(t)
		p.plan(t)
		p.targets = append(p.targets, t)
	}
	done := p.write(ctx)
	if done.isOvertaken {
		return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("cloudssoaccessassignments").GroupResource(), key.Name, errOvertaken)
	}
	return done.err
}
