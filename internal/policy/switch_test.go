package policy_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func newDirectory(changes ...func(*v1alpha1.CloudSSODirectory)) *v1alpha1.CloudSSODirectory {
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{UID: "present", CreationTimestamp: long}}
	for _, change := range changes {
		change(d)
	}
	return d
}

func turned(position v1alpha1.Synchronization) func(*v1alpha1.CloudSSODirectory) {
	return func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = position }
}

func activated(after time.Duration) func(*v1alpha1.CloudSSODirectory) {
	return func(d *v1alpha1.CloudSSODirectory) { d.Status.ActivatedAt = new(metav1.NewTime(long.Add(after))) }
}

func TestSwitch(t *testing.T) {
	const on, off = v1alpha1.SynchronizationEnabled, v1alpha1.SynchronizationDisabled
	for _, test := range []struct {
		name      string
		directory *v1alpha1.CloudSSODirectory
		want      policy.Switch
	}{
		{"no directory", nil, policy.SwitchAbsent},
		{"not set", newDirectory(activated(0)), policy.SwitchDisabled},
		{"disabled", newDirectory(turned(off), activated(0)), policy.SwitchDisabled},
		{"disabled, not activated", newDirectory(turned(off)), policy.SwitchDisabled},
		{"enabled, not activated", newDirectory(turned(on)), policy.SwitchAwaitingActivation},
		{"enabled, activated before it was created", newDirectory(turned(on), activated(-time.Second)), policy.SwitchAwaitingActivation},
		{"enabled, activated as it was created", newDirectory(turned(on), activated(0)), policy.SwitchEnabled},
		{"enabled, activated later", newDirectory(turned(on), activated(time.Hour)), policy.SwitchEnabled},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.SwitchOf(test.directory); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// The switch and the activation say what a person can do next, unless the namespace may not be a directory at all.
func TestSelectionDecidesAfterTheSwitch(t *testing.T) {
	const selected, refused, unknown = policy.NamespaceSelected, policy.NamespaceNotSelected, policy.NamespaceUnknown
	for _, test := range []struct {
		position  policy.Switch
		selection policy.Selection
		want      policy.Switch
	}{
		{policy.SwitchEnabled, selected, policy.SwitchEnabled},
		{policy.SwitchAwaitingActivation, selected, policy.SwitchAwaitingActivation},
		{policy.SwitchEnabled, refused, policy.SwitchNotSelected},
		{policy.SwitchAwaitingActivation, refused, policy.SwitchNotSelected},
		{policy.SwitchDisabled, refused, policy.SwitchDisabled},
		{policy.SwitchAbsent, unknown, policy.SwitchAbsent},
		{policy.SwitchEnabled, unknown, policy.SwitchSelectionUnknown},
		{policy.SwitchEnabled, "", policy.SwitchSelectionUnknown},
	} {
		if got := test.position.In(test.selection); got != test.want {
			t.Errorf("%s, %q: got %s, want %s", test.position, test.selection, got, test.want)
		}
	}
}

func TestRestoredDirectoryIsActivatedByItsPresentUID(t *testing.T) {
	annotated := func(key, value string) func(*v1alpha1.CloudSSODirectory) {
		return func(d *v1alpha1.CloudSSODirectory) { metav1.SetMetaDataAnnotation(&d.ObjectMeta, key, value) }
	}
	byVelero := func(d *v1alpha1.CloudSSODirectory) { d.Labels = map[string]string{v1alpha1.LabelRestored: "monday"} }
	byHand := annotated(v1alpha1.AnnotationRestored, "")
	for _, test := range []struct {
		name      string
		directory *v1alpha1.CloudSSODirectory
		want      bool
	}{
		{"new", newDirectory(), true},
		{"restored by Velero", newDirectory(byVelero), false},
		{"restored by another tool", newDirectory(byHand), false},
		{"restored, with the present uid", newDirectory(byVelero, byHand, annotated(v1alpha1.AnnotationActivate, "present")), true},
		{"restored, with a former uid", newDirectory(byVelero, annotated(v1alpha1.AnnotationActivate, "former")), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.MayActivate(test.directory); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestActivationIsNeverBeforeTheCreation(t *testing.T) {
	for _, clock := range []time.Duration{-time.Hour, 0, time.Hour} {
		d := newDirectory(turned(v1alpha1.SynchronizationEnabled))
		d.Status.ActivatedAt = new(policy.ActivationTime(d, long.Add(clock)))
		if got := policy.SwitchOf(d); got != policy.SwitchEnabled {
			t.Errorf("with a clock that differs by %s: %s", clock, got)
		}
	}
}
