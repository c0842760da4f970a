package pages

import (
	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// settings is the page of a directory's settings.
type settings struct {
	Directory   *v1alpha1.CloudSSODirectory
	Credentials []v1alpha1.SCIMCredential
	// Budget is the disablement budget in words; "" without one.
	Budget string
	// TrackedBy is the tool that applies the directory; "" if a person does.
	TrackedBy string
}

func (c *console) settings(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	credentials, err := plugin.CredentialsOf(r.Context(), r.Client, d.Namespace)
	if err != nil {
		return nil, err
	}
	s := settings{Directory: d, Credentials: credentials, TrackedBy: plugin.SwitchTrackedBy(d)}
	if d.Spec.DisablementBudget != nil {
		s.Budget = policy.DescribeBudget(d.Spec.DisablementBudget)
	}
	return &view{Title: text("settings.title"), template: "settings", Data: s}, nil
}
