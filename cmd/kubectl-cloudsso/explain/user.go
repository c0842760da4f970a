package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// explanation is what is known of a user.
type explanation struct {
	User        string             `json:"user"`
	UserName    string             `json:"userName"`
	DisplayName string             `json:"displayName"`
	Source      v1alpha1.Source    `json:"source"`
	State       v1alpha1.UserState `json:"state"`
	// Reason says why the user has that state; "" for Active.
	Reason string `json:"reason,omitempty"`
	// Groups are the groups that list the user.
	Groups     []group            `json:"groups"`
	LastChange *policy.LastChange `json:"lastChange,omitempty"`
	// ManualChange is of the field manager with fields of the spec that has changed the user last, if it is not the operator.
	ManualChange *manualChange  `json:"manualChange,omitempty"`
	Access       []access.Grant `json:"access"`
}

type group struct {
	Group       string          `json:"group"`
	DisplayName string          `json:"displayName"`
	Source      v1alpha1.Source `json:"source"`
}

// manualChange is a change by a person or a tool. The API server's audit log has the person.
type manualChange struct {
	FieldManager string `json:"fieldManager"`
	// Time is that of the manager's last change of the object, perhaps of its labels alone: managedFields has one time for all
	// fields of a manager.
	Time string `json:"time"`
}

func explain(u *v1alpha1.CloudSSOUser, inventory access.Inventory) explanation {
	state := policy.UserState(u, u.Status.State == v1alpha1.UserConflict)
	e := explanation{
		User: u.Name, UserName: u.Spec.UserName, DisplayName: u.Spec.DisplayName, Source: u.Spec.Source,
		State: state, Reason: reasonOf(u, state), Groups: groupsOf(u.Name, inventory),
		ManualChange: manualChangeOf(u), Access: access.ReviewOf(inventory, u.Name),
	}
	if change, known := policy.LastChangeOf(u); known {
		e.LastChange = &change
	}
	return e
}

// reasonOf says why a user has a state.
func reasonOf(u *v1alpha1.CloudSSOUser, state v1alpha1.UserState) string {
	switch state {
	case v1alpha1.UserDeprovisioned:
		return "the identity provider has deleted the user at " + u.Spec.DeprovisionedAt.UTC().Format(time.RFC3339)
	case v1alpha1.UserConflict:
		return "another user holds the userName"
	case v1alpha1.UserDisabled:
		if u.Spec.Suspended {
			return "active is false, and an administrator has set spec.suspended"
		}
		return "active is false"
	case v1alpha1.UserSuspended:
		return "an administrator has set spec.suspended"
	}
	if u.Spec.Withheld != nil {
		return fmt.Sprintf("its deactivation exceeds the disablement budget and waits for an administrator since %s", u.Spec.Withheld.Since.UTC().Format(time.RFC3339))
	}
	return ""
}

// groupsOf returns the groups that list a user, themselves or in a slice, by displayName.
func groupsOf(user string, inventory access.Inventory) []group {
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
	all := []group{}
	for i := range inventory.Groups {
		if g := &inventory.Groups[i]; lists[g.Name] {
			all = append(all, group{g.Name, g.Spec.DisplayName, g.Spec.Source})
		}
	}
	slices.SortFunc(all, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.DisplayName, b.DisplayName), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// manualChangeOf returns the last change by a field manager that owns fields of a user's spec, other than the operator; nil if there
// is none.
func manualChangeOf(u *v1alpha1.CloudSSOUser) (last *manualChange) {
	var at time.Time
	for _, entry := range u.ManagedFields {
		if entry.Manager == policy.FieldManager || entry.Time == nil || entry.Time.Before(&metav1.Time{Time: at}) || !ownsSpec(entry) {
			continue
		}
		at = entry.Time.Time
		last = &manualChange{FieldManager: entry.Manager, Time: at.UTC().Format(time.RFC3339)}
	}
	return last
}

// ownsSpec reports whether a field manager owns a field of the spec.
func ownsSpec(entry metav1.ManagedFieldsEntry) bool {
	var owned map[string]json.RawMessage
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) != nil {
		return false
	}
	_, owns := owned["f:spec"]
	return owns
}
