package plugin

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// GroupName is the names of a group that lists a user.
type GroupName struct {
	Group       string          `json:"group"`
	DisplayName string          `json:"displayName"`
	Source      v1alpha1.Source `json:"source"`
}

// ManualChange is a change by a person or a tool. If the field manager names no person, the API server's audit log has it.
type ManualChange struct {
	FieldManager string `json:"fieldManager"`
	// Time is that of the manager's last change of the object, perhaps of its labels alone: managedFields has one time for all
	// fields of a manager.
	Time string `json:"time"`
}

// Person returns the person who has made the change, if the program has named one; "" otherwise.
func (c ManualChange) Person() string { return PersonOf(c.FieldManager) }

// StateOf returns the state of a user, as its status says who holds the userName.
func StateOf(u *v1alpha1.CloudSSOUser) v1alpha1.UserState {
	return policy.UserState(u, u.Status.State == v1alpha1.UserConflict)
}

// ReasonOf says why a user has its state; "" if it is Active and there is nothing to say.
func ReasonOf(u *v1alpha1.CloudSSOUser) string {
	switch StateOf(u) {
	case v1alpha1.UserDeprovisioned:
		return "the identity provider has deleted the user at " + u.Spec.DeprovisionedAt.UTC().Format(time.RFC3339)
	case v1alpha1.UserConflict:
		return "another user holds the userName"
	case v1alpha1.UserDisabled:
		if u.Spec.Suspended {
			return "active is false, and " + suspension(u)
		}
		return "active is false"
	case v1alpha1.UserSuspended:
		return suspension(u)
	}
	if u.Spec.Withheld != nil {
		return fmt.Sprintf("its deactivation exceeds the disablement budget and waits for an administrator since %s", u.Spec.Withheld.Since.UTC().Format(time.RFC3339))
	}
	return ""
}

// suspension says what has suspended a user.
func suspension(u *v1alpha1.CloudSSOUser) string {
	if former := u.Annotations[v1alpha1.AnnotationSuspendedLike]; former != "" {
		return fmt.Sprintf("user %s, who had this userName before, was suspended when the identity provider deleted it", former)
	}
	return "an administrator has set spec.suspended"
}

// GroupsOf returns the groups that list a user, themselves or in a slice, by displayName.
func GroupsOf(user string, inventory access.Inventory) []GroupName {
	lists := map[string]bool{}
	note := func(list metav1.Object) {
		if slices.ContainsFunc(membership.MembersOf(list), func(m v1alpha1.Member) bool { return m.Name == user }) {
			lists[membership.GroupOf(list)] = true
		}
	}
	for i := range inventory.Groups {
		note(&inventory.Groups[i])
	}
	for i := range inventory.Slices {
		note(&inventory.Slices[i])
	}
	all := []GroupName{}
	for i := range inventory.Groups {
		if g := &inventory.Groups[i]; lists[g.Name] {
			all = append(all, GroupName{g.Name, g.Spec.DisplayName, g.Spec.Source})
		}
	}
	slices.SortFunc(all, func(a, b GroupName) int {
		return cmp.Or(cmp.Compare(a.DisplayName, b.DisplayName), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// ManualChangeOf returns the last change by a field manager that owns fields of a user's spec, other than the operator; nil if there
// is none.
func ManualChangeOf(u *v1alpha1.CloudSSOUser) *ManualChange {
	return lastWriter(u, "", policy.FieldManager)
}

// WriterOf returns the field manager that owns a field of an object's spec, the last one of several; nil if there is none.
func WriterOf(o metav1.Object, field string) *ManualChange { return lastWriter(o, field, "") }

// lastWriter returns the field manager, but for one, that owns a field of an object's spec and has changed the object last.
func lastWriter(o metav1.Object, field, except string) (last *ManualChange) {
	var at time.Time
	for _, entry := range o.GetManagedFields() {
		if entry.Manager == except || entry.Time == nil || entry.Time.Before(&metav1.Time{Time: at}) || !ownsSpec(entry, field) {
			continue
		}
		at = entry.Time.Time
		last = &ManualChange{FieldManager: entry.Manager, Time: at.UTC().Format(time.RFC3339)}
	}
	return last
}
