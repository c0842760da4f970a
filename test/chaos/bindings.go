package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

// mostSubjects is how many subjects a binding has, at most (docs/access.md).
const mostSubjects = 100

// readAccess reads the assignments, the namespaces, and the bindings of the operator, which it finds by name.
func (o *Objects) readAccess(ctx context.Context, c client.Client, namespace string) error {
	var assignments v1alpha1.CloudSSOAccessAssignmentList
	if err := c.List(ctx, &assignments, client.InNamespace(namespace)); err != nil {
		return err
	}
	var bindings rbacv1.RoleBindingList
	if err := c.List(ctx, &bindings); err != nil {
		return err
	}
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces); err != nil {
		return err
	}
	o.Assignments, o.Namespaces, o.ReadAt = assignments.Items, namespaces.Items, time.Now()
	o.Bindings = slices.DeleteFunc(bindings.Items, func(b rbacv1.RoleBinding) bool { return !strings.HasPrefix(b.Name, bindingPrefix) })
	return nil
}

// place is where an assignment grants its role.
type place struct{ assignment, namespace string }

func (p place) String() string { return p.assignment + " in " + p.namespace }

// directoryView finds users and groups for many assignments.
type directoryView struct {
	Objects
	users  map[string]*v1alpha1.CloudSSOUser
	hidden map[string]bool
}

// unsettledAccess returns what is wrong with the bindings, and with the status of each assignment: the bindings of an
// assignment have as subjects exactly the effective users of its principal, in each of its namespaces, and there are no
// others.
func (o Objects) unsettledAccess() (wrong []string) {
	view := directoryView{o, map[string]*v1alpha1.CloudSSOUser{}, o.hidden()}
	for i := range o.Users {
		view.users[o.Users[i].Name] = &o.Users[i]
	}
	bound, wrong := o.bound()
	for i := range o.Assignments {
		a := &o.Assignments[i]
		want := view.entitled(a)
		for _, namespace := range o.targetsOf(a) {
			at := place{a.Name, namespace}
			if missing, invented := difference(want, bound[at]), difference(bound[at], want); len(missing)+len(invented) > 0 {
				wrong = append(wrong, fmt.Sprintf("the bindings of assignment %s lack %q and have %q too much", at, listed(missing), listed(invented)))
			}
			delete(bound, at)
		}
		wrong = append(wrong, unsettledAssignment(a, view.principal(a), len(want), isOver(a, o.ReadAt))...)
	}
	for at, subjects := range bound {
		wrong = append(wrong, fmt.Sprintf("there are bindings of assignment %s, which grants nothing there, with %d subjects", at, len(subjects)))
	}
	return wrong
}

// bound returns the subjects that bindings have, by assignment and namespace, and what is wrong with single bindings.
func (o Objects) bound() (bound map[place]map[string]bool, wrong []string) {
	bound = map[place]map[string]bool{}
	for i := range o.Bindings {
		b := &o.Bindings[i]
		at := place{b.Labels[v1alpha1.LabelAssignment], b.Namespace}
		if bound[at] == nil {
			bound[at] = map[string]bool{}
		}
		report := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("binding %s ", bindingKey(b))+fmt.Sprintf(format, args...))
		}
		if n := len(b.Subjects); n == 0 || n > mostSubjects {
			report("has %d subjects", n)
		}
		if b.RoleRef != (rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: string(v1alpha1.RoleKindClusterRole), Name: grantedRole}) {
			report("grants %v", b.RoleRef)
		}
		for _, s := range b.Subjects {
			if s.Kind != rbacv1.UserKind || bound[at][s.Name] {
				report("has %s %s, which is no user, or has it twice", s.Kind, s.Name)
			}
			bound[at][s.Name] = true
		}
	}
	return bound, wrong
}

// entitled returns the Kubernetes user names of the users that an assignment gives its role.
func (v directoryView) entitled(a *v1alpha1.CloudSSOAccessAssignment) map[string]bool {
	principal, subjects := v.principal(a), map[string]bool{}
	if !isCurrent(a, v.ReadAt) {
		return subjects
	}
	members := []string{principal}
	if g, found := v.group(principal); found && a.Spec.Principal.Kind == v1alpha1.PrincipalGroup {
		members = slices.DeleteFunc(v.members(g), func(m string) bool {
			u := v.users[m]
			return u == nil || u.Spec.Source != v1alpha1.SourceSCIM
		})
	}
	for _, m := range members {
		if u := v.users[m]; u != nil && v.isEffective(u) {
			subjects[subjectOf(u.Spec.UserName)] = true
		}
	}
	return subjects
}

func (v directoryView) isEffective(u *v1alpha1.CloudSSOUser) bool {
	if u.Spec.Source == v1alpha1.SourceManual && u.Status.ClaimedName != u.Spec.UserName {
		return false
	}
	return isLive(u) && !v.hidden[u.Name] && stateOf(u, false) == v1alpha1.UserActive
}

// principal returns the id of the user or group that an assignment's principal is, or "". The object that was found first
// stays the principal; another one of its name does not take its place.
func (v directoryView) principal(a *v1alpha1.CloudSSOAccessAssignment) string {
	id := a.Spec.Principal.Name
	if pinned := a.Status.Principal; pinned != nil {
		id = pinned.Name
	} else if id == "" {
		id = v.holder(a.Spec.Principal)
	}
	if a.Spec.Principal.Kind == v1alpha1.PrincipalUser {
		if u := v.users[id]; u == nil || !isLive(u) {
			return ""
		}
		return id
	}
	if g, found := v.group(id); !found || isTerminating(g) || v.hidden[id] {
		return ""
	}
	return id
}

// holder returns the synchronized object that holds the name of a principal, or "".
func (v directoryView) holder(p v1alpha1.AccessPrincipal) string {
	key := claimKey{v1alpha1.ClaimedByUser, fold.Name(p.UserName)}
	if p.Kind == v1alpha1.PrincipalGroup {
		key = claimKey{v1alpha1.ClaimedByGroup, fold.Name(p.DisplayName)}
	}
	for _, id := range v.named()[key] {
		if u := v.users[id]; !v.hidden[id] && (u == nil || u.Spec.Source == v1alpha1.SourceSCIM) {
			return id
		}
	}
	return ""
}

// unsettledAssignment returns what is wrong with an assignment's status, given its principal, its number of users, and whether
// its time is over.
func unsettledAssignment(a *v1alpha1.CloudSSOAccessAssignment, principal string, users int, isOver bool) (wrong []string) {
	report := func(format string, args ...any) {
		wrong = append(wrong, "assignment "+a.Name+" "+fmt.Sprintf(format, args...))
	}
	if a.DeletionTimestamp != nil {
		report("is still being deleted")
		return wrong
	}
	if a.Status.ObservedGeneration != a.Generation {
		report("is at generation %d, its status at %d", a.Generation, a.Status.ObservedGeneration)
	}
	for conditionType, want := range map[string]bool{v1alpha1.ConditionReady: principal != "" || isOver, v1alpha1.ConditionEffective: users > 0} {
		if c := meta.FindStatusCondition(a.Status.Conditions, conditionType); c == nil || (c.Status == metav1.ConditionTrue) != want {
			report("has principal %q and %d users, and %s should be %t: %v", principal, users, conditionType, want, c)
		}
	}
	if n := a.Status.Users; n == nil || int(*n) != users {
		report("has %d users and counts another number", users)
	}
	return wrong
}
