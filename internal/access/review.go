package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Inventory is the objects of one directory and the bindings that its assignments have made.
type Inventory struct {
	// Directory may be nil.
	Directory           *v1alpha1.CloudSSODirectory
	Users               []v1alpha1.CloudSSOUser
	Groups              []v1alpha1.CloudSSOGroup
	Slices              []v1alpha1.CloudSSOMembershipSlice
	Assignments         []v1alpha1.CloudSSOAccessAssignment
	RoleBindings        []rbacv1.RoleBinding
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	// IsSameName reports whether two userNames or displayNames are one, as name claims compare them.
	IsSameName func(a, b string) bool
}

// Grant is one role of one user in one place: a subject of a binding, or what an assignment would give and does not.
type Grant struct {
	// User is the metadata.name of the CloudSSOUser; "" for a subject that is no user's.
	User               string `json:"user"`
	UserName           string `json:"userName"`
	KubernetesUsername string `json:"kubernetesUsername"`
	// Role is kind and name, as in ClusterRole/view.
	Role string `json:"role"`
	// Namespace is "" in the whole cluster, and for what is not granted.
	Namespace string `json:"namespace"`
	// Group is the metadata.name of the group through which the user has the role, and GroupName its displayName; "" if the
	// assignment names the user.
	Group     string `json:"group"`
	GroupName string `json:"groupName"`
	// Assignment and Binding are metadata.names. Without a binding the role is not granted, and Reason says why. With one and
	// a Reason the API server still grants it, and the operator is about to take it away.
	Assignment string `json:"assignment"`
	Binding    string `json:"binding"`
	Reason     string `json:"reason"`
	// ExpiresAt is in RFC 3339; "" if the assignment has no end.
	ExpiresAt string `json:"expiresAt"`
	// Changed is the last SCIM request that wrote the user or what lists it as a member, and ChangedObject which of them it
	// wrote; "" if there was none.
	ChangedObject string `json:"changedObject"`
	policy.LastChange
}

// Review returns the access of every user of a directory, by userName, place and role. It reads the bindings: what the API
// server grants.
func Review(inventory Inventory) []Grant {
	return newReview(inventory).grants()
}

// ReviewOf returns the access of one user, and beside it each assignment to the user or to one of its groups that grants the
// user nothing, with the reason. The inventory has all users, because of several that get one Kubernetes user name.
func ReviewOf(inventory Inventory, user string) []Grant {
	r := newReview(inventory)
	all := filter(r.grants(), func(g Grant) bool { return g.User == user })
	u := r.users[user]
	if u == nil {
		return all
	}
	for i := range inventory.Assignments {
		a := &inventory.Assignments[i]
		granted := slices.ContainsFunc(all, func(g Grant) bool { return g.Assignment == a.Name })
		if group, concerned := r.concerns(a, u); concerned && !granted {
			all = append(all, r.withheld(a, u, group))
		}
	}
	return all
}

// review is an Inventory by names.
type review struct {
	Inventory
	usernames   *Usernames
	ineffective map[string]string // Kubernetes user name → a user that would get it if it had effect
	users       map[string]*v1alpha1.CloudSSOUser
	groups      map[string]*v1alpha1.CloudSSOGroup
	assignments map[string]*v1alpha1.CloudSSOAccessAssignment
	// lists are the groups and slices that list a user: by metadata.name of the user, then of the group.
	lists map[string]map[string]metav1.Object
}

func newReview(inventory Inventory) *review {
	r := &review{
		Inventory: inventory,
		users:     byName(inventory.Users), groups: byName(inventory.Groups), assignments: byName(inventory.Assignments),
		lists: map[string]map[string]metav1.Object{}, ineffective: map[string]string{},
	}
	var rule *v1alpha1.KubernetesUsername
	if inventory.Directory != nil {
		rule = inventory.Directory.Spec.KubernetesUsername
	}
	r.usernames = NewUsernames(rule)
	for _, u := range r.users {
		if r.usernames.Set(u, hasEffect(u)); !hasEffect(u) {
			if name, err := Username(rule, u); err == nil {
				r.ineffective[name] = u.Name
			}
		}
	}
	for i := range inventory.Groups {
		r.list(&inventory.Groups[i])
	}
	for i := range inventory.Slices {
		r.list(&inventory.Slices[i])
	}
	return r
}

// hasEffect reports whether a user can have access, as its status says who holds the userName.
func hasEffect(u *v1alpha1.CloudSSOUser) bool {
	return IsEffective(u, u.Status.State == v1alpha1.UserConflict)
}

// byName returns objects by their metadata.names.
func byName[T any, P interface {
	*T
	metav1.Object
}](all []T,
) map[string]P {
	named := make(map[string]P, len(all))
	for i := range all {
		o := P(&all[i])
		named[o.GetName()] = o
	}
	return named
}

func (r *review) list(list metav1.Object) {
	group := membership.GroupOf(list)
	for _, m := range membership.MembersOf(list) {
		if r.lists[m.Name] == nil {
			r.lists[m.Name] = map[string]metav1.Object{}
		}
		r.lists[m.Name][group] = list
	}
}

// grants returns a Grant for each subject of each binding.
func (r *review) grants() (all []Grant) {
	for i := range r.RoleBindings {
		b := &r.RoleBindings[i]
		all = append(all, r.of(b, b.Namespace, b.RoleRef, b.Subjects)...)
	}
	for i := range r.ClusterRoleBindings {
		b := &r.ClusterRoleBindings[i]
		all = append(all, r.of(b, "", b.RoleRef, b.Subjects)...)
	}
	slices.SortFunc(all, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.UserName, b.UserName), cmp.Compare(a.KubernetesUsername, b.KubernetesUsername),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Assignment, b.Assignment))
	})
	return all
}

// of returns a Grant for each subject of a binding.
func (r *review) of(binding metav1.Object, namespace string, role rbacv1.RoleRef, subjects []rbacv1.Subject) (all []Grant) {
	origin := OriginOf(binding)
	for _, s := range subjects {
		g := Grant{
			KubernetesUsername: s.Name, Role: role.Kind + "/" + role.Name, Namespace: namespace,
			Assignment: origin.Assignment, Binding: binding.GetName(),
		}
		if g.User, _ = r.usernames.Owner(s.Name); g.User == "" {
			if u := r.users[r.ineffective[s.Name]]; u != nil {
				g.User, g.Reason = u.Name, withoutEffect(u)
			}
		}
		if a := r.assignments[origin.Assignment]; a != nil {
			g.ExpiresAt = expiryOf(a)
		}
		if origin.Kind == v1alpha1.PrincipalGroup {
			g.Group = origin.Principal
		}
		all = append(all, r.described(g))
	}
	return all
}

// described adds what is known of the user and the group of a Grant.
func (r *review) described(g Grant) Grant {
	u := r.users[g.User]
	if u == nil {
		return g
	}
	g.UserName = u.Spec.UserName
	if group := r.groups[g.Group]; group != nil {
		g.GroupName = group.Spec.DisplayName
	}
	written := []metav1.Object{u}
	if list := r.lists[g.User][g.Group]; list != nil {
		written = append(written, list)
	}
	for _, o := range written {
		if change, known := policy.LastChangeOf(o); known && isLater(change, g.LastChange) {
			g.LastChange, g.ChangedObject = change, objectName(o)
		}
	}
	return g
}

// concerns reports whether an assignment is to a user, or to a group that lists it and that it returns: the one that is
// pinned, or one that the assignment names.
func (r *review) concerns(a *v1alpha1.CloudSSOAccessAssignment, u *v1alpha1.CloudSSOUser) (group string, concerned bool) {
	if a.Spec.Principal.Kind == v1alpha1.PrincipalUser {
		return "", IsPrincipal(a, u, r.IsSameName)
	}
	for _, name := range slices.Sorted(maps.Keys(r.lists[u.Name])) {
		if g := r.groups[name]; g != nil && IsPrincipal(a, g, r.IsSameName) {
			return name, true
		}
	}
	return "", false
}

// IsPrincipal reports whether a user or group is the principal of an assignment: the one that is pinned, or one that the assignment
// names. isSameName is that of an Inventory.
func IsPrincipal(a *v1alpha1.CloudSSOAccessAssignment, o metav1.Object, isSameName func(a, b string) bool) bool {
	var kind v1alpha1.PrincipalKind
	var name, externalID string
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		kind, name, externalID = v1alpha1.PrincipalUser, o.Spec.UserName, o.Spec.ExternalID
	case *v1alpha1.CloudSSOGroup:
		kind, name, externalID = v1alpha1.PrincipalGroup, o.Spec.DisplayName, o.Spec.ExternalID
	}
	pinned, p := a.Status.Principal, a.Spec.Principal
	if p.Kind != kind {
		return false
	}
	return pinned != nil && pinned.Name == o.GetName() || p.Name == o.GetName() ||
		policy.SourceOf(o) == v1alpha1.SourceSCIM && (isSameName(p.UserName+p.DisplayName, name) || p.ExternalID != "" && p.ExternalID == externalID)
}

// withheld returns what an assignment would give to a user, and why it does not.
func (r *review) withheld(a *v1alpha1.CloudSSOAccessAssignment, u *v1alpha1.CloudSSOUser, group string) Grant {
	return r.described(Grant{
		User: u.Name, Role: string(a.Spec.RoleRef.Kind) + "/" + a.Spec.RoleRef.Name, Group: group, Assignment: a.Name,
		ExpiresAt: expiryOf(a), Reason: r.reason(a, u),
	})
}

// reason returns why an assignment gives a user nothing.
func (r *review) reason(a *v1alpha1.CloudSSOAccessAssignment, u *v1alpha1.CloudSSOUser) string {
	if !hasEffect(u) {
		return withoutEffect(u)
	}
	name, problem := r.usernames.Of(u.Name)
	if problem != nil {
		return problem.Error()
	}
	if owner, _ := r.usernames.Owner(name); owner != u.Name {
		return fmt.Sprintf("another user gets the Kubernetes user name %q too", name)
	}
	for _, condition := range []string{v1alpha1.ConditionEffective, v1alpha1.ConditionReady} {
		if c := meta.FindStatusCondition(a.Status.Conditions, condition); c != nil && c.Status != metav1.ConditionTrue {
			return fmt.Sprintf("%s: %s", c.Reason, c.Message)
		}
	}
	return "not granted yet"
}

// withoutEffect returns why a user has no effect.
func withoutEffect(u *v1alpha1.CloudSSOUser) string {
	if policy.IsTerminating(u) {
		return "the user is being deleted"
	}
	return fmt.Sprintf("the user has no effect (%s)", policy.IneffectiveReason(u, u.Status.State == v1alpha1.UserConflict, true))
}

func expiryOf(a *v1alpha1.CloudSSOAccessAssignment) string {
	if a.Spec.ExpiresAt == nil {
		return ""
	}
	return a.Spec.ExpiresAt.UTC().Format(time.RFC3339)
}

// isLater reports whether a change came after another; times of RFC 3339 in UTC compare as texts.
func isLater(change, other policy.LastChange) bool { return change.Time > other.Time }

func objectName(o metav1.Object) string {
	switch o.(type) {
	case *v1alpha1.CloudSSOGroup:
		return "CloudSSOGroup/" + o.GetName()
	case *v1alpha1.CloudSSOMembershipSlice:
		return "CloudSSOMembershipSlice/" + o.GetName()
	}
	return "CloudSSOUser/" + o.GetName()
}
