package plugin

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

var noon = metav1.NewTime(time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC))

func TestReason(t *testing.T) {
	for want, change := range map[string]func(*v1alpha1.CloudSSOUser){
		"": func(*v1alpha1.CloudSSOUser) {},
		"the identity provider has deleted the user at 2027-01-31T12:00:00Z": func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = &noon },
		"another user holds the userName":                                    func(u *v1alpha1.CloudSSOUser) { u.Status.State = v1alpha1.UserConflict },
		"active is false":                                                    func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) },
		"active is false, and an administrator has set spec.suspended": func(u *v1alpha1.CloudSSOUser) {
			u.Spec.Active, u.Spec.Suspended = new(false), true
		},
		"an administrator has set spec.suspended": func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true },
		"user alice-1, who had this userName before, was suspended when the identity provider deleted it": func(u *v1alpha1.CloudSSOUser) {
			u.Spec.Suspended, u.Annotations = true, map[string]string{v1alpha1.AnnotationSuspendedLike: "alice-1"}
		},
		"its deactivation exceeds the disablement budget and waits for an administrator since 2027-01-31T12:00:00Z": func(u *v1alpha1.CloudSSOUser) {
			u.Spec.Withheld = &v1alpha1.WithheldDeactivation{Since: noon}
		},
	} {
		u := &v1alpha1.CloudSSOUser{}
		change(u)
		if got := ReasonOf(u); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestManualChangeIsOfAManagerOfTheSpec(t *testing.T) {
	entry := func(manager, fields string, minutes int) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(noon.Add(time.Duration(minutes) * time.Minute))
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const spec, status, labels = `{"f:spec":{"f:suspended":{}}}`, `{"f:status":{}}`, `{"f:metadata":{"f:labels":{}}}`
	u := &v1alpha1.CloudSSOUser{}
	if got := ManualChangeOf(u); got != nil {
		t.Errorf("a user without field managers was changed: %+v", got)
	}
	u.ManagedFields = []metav1.ManagedFieldsEntry{entry(policy.FieldManager, spec, 9), entry("flux", status, 8), entry("helm", labels, 7)}
	if got := ManualChangeOf(u); got != nil {
		t.Errorf("the operator's change is taken for another's: %+v", got)
	}
	u.ManagedFields = append(u.ManagedFields, entry("kubectl-edit", spec, 2), entry("kubectl-patch", spec, 3), entry("argocd", spec, 1))
	if got, want := ManualChangeOf(u), (ManualChange{"kubectl-patch", "2027-01-31T12:03:00Z"}); got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestGroupsAreThoseOfListsAndSlices(t *testing.T) {
	member := []v1alpha1.Member{{Name: "ada"}}
	named := func(name, displayName string, members []v1alpha1.Member) v1alpha1.CloudSSOGroup {
		return v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: displayName, Members: members}}
	}
	got := GroupsOf("ada", access.Inventory{
		Groups: []v1alpha1.CloudSSOGroup{named("z", "Zoo", nil), named("a", "Admins", member), named("o", "Others", []v1alpha1.Member{{Name: "bob"}})},
		Slices: []v1alpha1.CloudSSOMembershipSlice{{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Group: "z", Members: member}}},
	})
	if len(got) != 2 || got[0].DisplayName != "Admins" || got[1].Group != "z" {
		t.Errorf("got %+v", got)
	}
}
