package explain

import (
	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
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
	Groups     []plugin.GroupName `json:"groups"`
	LastChange *policy.LastChange `json:"lastChange,omitempty"`
	// ManualChange is of the field manager with fields of the spec that has changed the user last, if it is not the operator.
	ManualChange *plugin.ManualChange `json:"manualChange,omitempty"`
	Access       []access.Grant       `json:"access"`
}

func explain(u *v1alpha1.CloudSSOUser, inventory access.Inventory) explanation {
	e := explanation{
		User: u.Name, UserName: u.Spec.UserName, DisplayName: u.Spec.DisplayName, Source: u.Spec.Source,
		State: plugin.StateOf(u), Reason: plugin.ReasonOf(u), Groups: plugin.GroupsOf(u.Name, inventory),
		ManualChange: plugin.ManualChangeOf(u), Access: access.ReviewOf(inventory, u.Name),
	}
	if change, known := policy.LastChangeOf(u); known {
		e.LastChange = &change
	}
	return e
}
