package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/admissionpolicy"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// countInterval is the least time between two writes of an assignment's counts, because a push of members changes them many
// times a second.
const countInterval = 10 * time.Second

var errOvertaken = errors.New("other writers have changed its bindings")

// counts are the numbers in the status of an assignment.
type counts struct {
	users, namespaces, bindings int32
	isLoaded                    bool // a target has more than manySubjects subjects
}

// report writes the status of an assignment. If only the counts have changed, they are written when they are
// due, and the assignment is reconciled then.
func (r *Reconciler) report(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster, done result) error {
	key := client.ObjectKeyFromObject(a)
	known := r.memory.of(key)
	is, err := r.count(ctx, a, s, list)
	if err != nil {
		return err
	}
	before := a.DeepCopy()
	computeStatus(a, s, known.skipped, is, done.refused)
	recordCounts(a, is)
	wanted := a.DeepCopy()
	now := r.Now()
	left := countInterval - now.Sub(known.countedAt)
	if left > 0 && left <= countInterval && onlyCountsDiffer(before, a) {
		a.Status = *before.Status.DeepCopy()
	}
	if countsDiffer(before, a) {
		known.countedAt = now
	}
	if err := controllerutil.PatchStatus(ctx, r.Client, before, a); err != nil {
		return err
	}
	r.Emit(a, statusEvents(before, a)...)
	if countsDiffer(wanted, a) {
		r.memory.schedule(key, now.Add(left))
	}
	return nil
}

func recordCounts(a *v1alpha1.CloudSSOAccessAssignment, is counts) {
	a.Status.Users, a.Status.Bindings, a.Status.Namespaces = &is.users, &is.bindings, &is.namespaces
	if a.Spec.Target.Cluster != nil {
		a.Status.Namespaces = nil
	}
}

// onlyCountsDiffer reports whether two statuses are the same but for their counts.
func onlyCountsDiffer(a, b *v1alpha1.CloudSSOAccessAssignment) bool {
	without := func(status *v1alpha1.CloudSSOAccessAssignmentStatus) *v1alpha1.CloudSSOAccessAssignmentStatus {
		status = status.DeepCopy()
		status.Users, status.Namespaces, status.Bindings = nil, nil, nil
		if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionUsersSkipped); c != nil {
			c.Message = ""
		}
		return status
	}
	return equality.Semantic.DeepEqual(without(&a.Status), without(&b.Status))
}

// countsDiffer reports whether the counts of two statuses differ. The message of UsersSkipped has one too.
func countsDiffer(a, b *v1alpha1.CloudSSOAccessAssignment) bool {
	if was, is := skippedMessage(a), skippedMessage(b); was != is {
		return true
	}
	return !equality.Semantic.DeepEqual(a.Status.Users, b.Status.Users) || !equality.Semantic.DeepEqual(a.Status.Bindings, b.Status.Bindings) ||
		!equality.Semantic.DeepEqual(a.Status.Namespaces, b.Status.Namespaces)
}

func skippedMessage(a *v1alpha1.CloudSSOAccessAssignment) string {
	if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionUsersSkipped); c != nil {
		return c.Message
	}
	return ""
}

// count counts what is bound, or in mode Preview what would be.
func (r *Reconciler) count(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster) (counts, error) {
	if s.isPreview(a) {
		wanted, out, err := list.everyone(ctx)
		r.memory.of(client.ObjectKeyFromObject(a)).skipped = out
		return previewed(len(wanted), s.allowed), err
	}
	key := client.ObjectKeyFromObject(a)
	var is counts
	for _, name := range r.Bindings.Targets(key) {
		view := r.Bindings.View(key, name)
		users := int32(0)
		for _, number := range view.Numbers() {
			is.bindings++
			users += int32(len(view.Subjects(number))) //nolint:gosec // a directory has fewer users
		}
		is.users = max(is.users, users)
		is.namespaces++
		is.isLoaded = is.isLoaded || r.loads.of(name) > manySubjects
	}
	return is, nil
}

// previewed returns the counts of what would be bound.
func previewed(users int, targets []string) counts {
	needed := (users + access.MaxSubjects - 1) / access.MaxSubjects * len(targets)
	is := counts{users: int32(users), bindings: int32(needed)} //nolint:gosec // a directory has fewer users
	if users > 0 {
		is.namespaces = int32(len(targets)) //nolint:gosec // a cluster has fewer namespaces
	}
	return is
}

// isPreview reports whether the status shows what would be bound.
func (s *situation) isPreview(a *v1alpha1.CloudSSOAccessAssignment) bool {
	return a.Spec.Mode == v1alpha1.AccessPreview && s.phase != expired && s.position != policy.SwitchAbsent
}

// computeStatus writes the conditions of an assignment.
func computeStatus(a *v1alpha1.CloudSSOAccessAssignment, s *situation, out skipped, is counts, refused string) {
	a.Status.ObservedGeneration = a.Generation
	problem, off := s.problem(a, refused), s.off(a)
	set(a, ready(problem, off))
	set(a, effective(a, s, problem, off, is))
	setOrRemove(a, len(out) > 0, v1alpha1.ConditionUsersSkipped, func() metav1.Condition { return usersSkipped(out) })
	setOrRemove(a, is.isLoaded, v1alpha1.ConditionManySubjects, func() metav1.Condition { return manySubjectsCondition })
}

func set(a *v1alpha1.CloudSSOAccessAssignment, c metav1.Condition) {
	c.ObservedGeneration = a.Generation
	meta.SetStatusCondition(&a.Status.Conditions, c)
}

func setOrRemove(a *v1alpha1.CloudSSOAccessAssignment, isSet bool, conditionType string, condition func() metav1.Condition) {
	if isSet {
		set(a, condition())
	} else {
		meta.RemoveStatusCondition(&a.Status.Conditions, conditionType)
	}
}

// notice is the reason and the message of a condition. The zero value is none.
type notice struct{ reason, message string }

// off returns why an assignment is to grant nothing more, because its spec or the directory says so.
func (s *situation) off(a *v1alpha1.CloudSSOAccessAssignment) notice {
	switch {
	case s.phase == expired:
		return notice{v1alpha1.ReasonAccessExpired, fmt.Sprintf("access ended at %s; to grant it again, set a later spec.expiresAt", timeOf(a.Spec.ExpiresAt))}
	case s.position == policy.SwitchAbsent:
		return notice{v1alpha1.ReasonSynchronizationDisabled, "the namespace has no CloudSSODirectory, so that nothing is granted; create the CloudSSODirectory default"}
	case s.position == policy.SwitchDisabled:
		return notice{v1alpha1.ReasonSynchronizationDisabled, "SCIM synchronization is switched off: bindings lose users, and get none; to grant again, set spec.scimSynchronization of CloudSSODirectory default to Enabled"}
	case s.position != policy.SwitchEnabled:
		return notice{v1alpha1.ReasonSynchronizationDisabled, "the directory is not in effect yet: bindings lose users, and get none; the condition Ready of CloudSSODirectory default says what to do"}
	case s.phase == scheduled:
		return notice{v1alpha1.ReasonScheduled, fmt.Sprintf("access begins at %s", timeOf(a.Spec.NotBefore))}
	case a.Spec.Mode == v1alpha1.AccessPreview:
		return notice{v1alpha1.ReasonPreview, "nothing is granted; the status shows what would be: to grant it, set spec.mode to Enforce"}
	}
	return notice{}
}

func timeOf(t *metav1.Time) string { return t.UTC().Format(time.RFC3339) }

// problem returns why the spec is not carried out.
func (s *situation) problem(a *v1alpha1.CloudSSOAccessAssignment, refused string) notice {
	role := fmt.Sprintf("%s %q", a.Spec.RoleRef.Kind, a.Spec.RoleRef.Name)
	t := s.targets
	switch {
	case s.phase == expired, s.position != policy.SwitchEnabled:
		return notice{}
	case s.principal.Name == "":
		return notice{s.principal.Reason, s.principal.Message}
	case len(t.withoutRole) > 0:
		return notice{v1alpha1.ReasonRoleNotFound, fmt.Sprintf("there is no %s%s; create it, or name another role in spec.roleRef", role, inTargets(t.withoutRole))}
	case len(t.notAllowed) > 0:
		return notice{v1alpha1.ReasonRoleNotAllowed, fmt.Sprintf("the operator may not bind %s%s; an administrator of the cluster has to add it to the roles that the operator may bind (resourceNames of its ClusterRole cloudsso-operator-access)", role, inTargets(t.notAllowed))}
	case len(t.excluded) > 0:
		return notice{v1alpha1.ReasonTargetExcluded, fmt.Sprintf("the operator binds nothing%s, which its --access-excluded-namespaces names; take them out of spec.target.namespaces", inTargets(t.excluded))}
	case len(t.absent) > 0:
		return notice{v1alpha1.ReasonTargetNotFound, fmt.Sprintf("there is no namespace %s; access is granted there once it is created", strings.Join(t.absent, ", "))}
	case s.policies != "":
		return notice{v1alpha1.ReasonPolicyMissing, fmt.Sprintf("nothing is granted, because people could grant themselves any role: ValidatingAdmissionPolicy %s; "+admissionpolicy.Remedy, s.policies)}
	case refused != "":
		return notice{v1alpha1.ReasonWriteRefused, refused + "; it is tried again"}
	}
	return notice{}
}

// inTargets returns the targets for a message; "" for the cluster.
func inTargets(targets []string) string {
	if slices.Equal(targets, []string{cluster}) {
		return ""
	}
	return " in namespace " + controllerutil.JoinNames(targets)
}

// ready returns the condition Ready: an off-state that the spec or the directory asks for is Ready.
func ready(problem, off notice) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, Message: "as declared"}
	switch {
	case problem.reason != "":
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, problem.reason, problem.message
	case off.reason != "":
		c.Reason, c.Message = off.reason, off.message
	}
	return c
}

// effective returns the condition Effective: whether users have the role now.
func effective(a *v1alpha1.CloudSSOAccessAssignment, s *situation, problem, off notice, is counts) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse}
	switch {
	case is.bindings > 0 && !s.isPreview(a):
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonEffective
		c.Message = fmt.Sprintf("effective users of %s %s have %s %s", a.Spec.Principal.Kind, s.nameForMessage(a), a.Spec.RoleRef.Kind, a.Spec.RoleRef.Name)
	case off.reason != "":
		c.Reason, c.Message = off.reason, off.message
	case problem.reason != "":
		c.Reason, c.Message = problem.reason, problem.message
	case len(s.targets.granted) == 0:
		c.Reason, c.Message = v1alpha1.ReasonTargetNotFound, "no namespace has the labels of spec.target.namespaceSelector; access is granted in each that gets them"
	default:
		c.Reason, c.Message = v1alpha1.ReasonNoUsers, fmt.Sprintf("no effective user is %s %s, or a member of it", a.Spec.Principal.Kind, s.principal.Name)
	}
	return c
}

func (s *situation) nameForMessage(a *v1alpha1.CloudSSOAccessAssignment) string {
	if s.principal.Name != "" || a.Status.Principal == nil {
		return s.principal.Name
	}
	return a.Status.Principal.Name
}

func usersSkipped(out skipped) metav1.Condition {
	first := slices.Min(slices.Collect(maps.Keys(out)))
	message := fmt.Sprintf("CloudSSOUser %s gets no access: %s", first, out[first].why)
	if len(out) > 1 {
		message = fmt.Sprintf("%d users get no access, the first of them CloudSSOUser %s: %s", len(out), first, out[first].why)
	}
	return metav1.Condition{Type: v1alpha1.ConditionUsersSkipped, Status: metav1.ConditionTrue, Reason: out[first].reason, Message: message}
}

// reportNotInstalled writes the status of an assignment while access is not installed. One that is being deleted may go: the
// operator has no right to look for bindings, and when access is installed again, it deletes those of unknown assignments.
func (r *Reconciler) reportNotInstalled(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) (time.Duration, error) {
	left := bindingsLeft(a)
	if policy.IsBeingDeleted(a) {
		if left != "" && controllerutil.HasFinalizers(a, v1alpha1.FinalizerBindings) {
			r.Events.Eventf(a, nil, corev1.EventTypeWarning, v1alpha1.ReasonAccessNotInstalled, "Delete", "%s", "the assignment is deleted without its bindings"+left)
		}
		return 0, controllerutil.DropFinalizers(ctx, r.Client, a, v1alpha1.FinalizerBindings)
	}
	before := a.DeepCopy()
	a.Status.ObservedGeneration = a.Generation
	if left == "" {
		a.Status.Users, a.Status.Namespaces, a.Status.Bindings = nil, nil, nil
	}
	for _, conditionType := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionEffective} {
		set(a, metav1.Condition{
			Type: conditionType, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAccessNotInstalled,
			Message: "the operator was installed without access, and has no right to bind roles; to install it, set the Helm value access.enabled=true and run helm upgrade; or uncomment ../access in config/default/kustomization.yaml and run make deploy" + left,
		})
	}
	for _, conditionType := range []string{v1alpha1.ConditionUsersSkipped, v1alpha1.ConditionManySubjects} {
		meta.RemoveStatusCondition(&a.Status.Conditions, conditionType)
	}
	if err := controllerutil.PatchStatus(ctx, r.Client, before, a); err != nil {
		return 0, err
	}
	r.Emit(a, statusEvents(before, a)...)
	return 0, nil
}

// bindingsLeft returns, as the end of a message, that bindings of an assignment were there when access was still installed;
// "" if none were.
func bindingsLeft(a *v1alpha1.CloudSSOAccessAssignment) string {
	if a.Spec.Mode == v1alpha1.AccessPreview || a.Status.Bindings == nil || *a.Status.Bindings == 0 {
		return ""
	}
	return fmt.Sprintf("; its bindings (%d) still grant the role, and lose no user: to delete all bindings, install access again, and run helm uninstall or make undeploy, which run manager --remove-bindings", *a.Status.Bindings)
}
