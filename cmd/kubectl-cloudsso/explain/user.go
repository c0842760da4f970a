package explain

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	Access       []access.Grant       `json:"access,omitzero"`
	// AccessUnknown says which right the person lacks to read the access; "" if Access is known.
	AccessUnknown string `json:"accessUnknown,omitempty"`
}

// explain reads what concerns a user. Without the right to read bindings, which few administrators of one directory have, the
// state and its cause are explained all the same.
func explain(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser) (explanation, error) {
	inventory, err := plugin.MembershipsOf(ctx, c, u, func(metav1.Object) {})
	if err != nil {
		return explanation{}, err
	}
	e := explanation{
		User: u.Name, UserName: u.Spec.UserName, DisplayName: u.Spec.DisplayName, Source: u.Spec.Source,
		State: plugin.StateOf(u), Reason: plugin.ReasonOf(u), Groups: plugin.GroupsOf(u.Name, inventory),
		ManualChange: plugin.ManualChangeOf(u),
	}
	if change, known := policy.LastChangeOf(u); known {
		e.LastChange = &change
	}
	switch err := plugin.ReadAccess(ctx, c, u, &inventory); {
	case apierrors.IsForbidden(err):
		e.AccessUnknown = err.Error()
	case err != nil:
		return explanation{}, err
	default:
		e.Access = access.ReviewOf(inventory, u.Name)
	}
	return e, nil
}
