package pages

import (
	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// settings is the page of a directory's settings and credentials.
type settings struct {
	Directory *v1alpha1.CloudSSODirectory
	Switched  writer
	// TrackedBy is the tool that applies the switch; "" if a person does.
	TrackedBy string
	Settings  []setting
	// Credentials come with what is said of each. Rotation is how one of two may follow the other.
	Credentials []v1alpha1.SCIMCredential
	Rotation    *succession
	IsFull      bool
	// LacksPatch, LacksList and LacksCreate are the rights that the person lacks; "" if it has them.
	LacksPatch, LacksList, LacksCreate string
}

// setting is a part of the directory's spec in words.
type setting struct {
	Name, Value string
	// TrackedBy is the tool that applies it; "" if a person does.
	TrackedBy string
}

// The rights for a directory.
var (
	patchDirectory = right{Verb: "patch", Resource: plugin.Directories, Group: v1alpha1.GroupVersion.Group, Name: v1alpha1.DirectoryName}
	mapUsernames   = right{Verb: "map-usernames", Resource: plugin.Directories, Group: v1alpha1.GroupVersion.Group, Name: v1alpha1.DirectoryName}
)

func (c *console) settings(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	held, err := r.readRights(patchDirectory, listCredentials, createCredential)
	if err != nil {
		return nil, err
	}
	credentials, missing, err := r.readCredentials(held)
	if err != nil {
		return nil, err
	}
	return &view{Title: text("settings.title"), template: "settings", Data: settings{
		Directory: d, Switched: switchWriter(d), TrackedBy: plugin.SwitchTrackedBy(d), Settings: settingsOf(d),
		Credentials: credentials, Rotation: successionOf(credentials), IsFull: len(credentials) >= v1alpha1.MaxCredentials,
		LacksPatch: held.Missing(patchDirectory), LacksList: missing, LacksCreate: held.Missing(createCredential),
	}}, nil
}

// settingsOf returns the settings of a directory in words.
func settingsOf(d *v1alpha1.CloudSSODirectory) []setting {
	rate, budget := text("settings.rateDefault"), text("settings.noBudget")
	if limit := d.Spec.RateLimit; limit != nil {
		rate = text("settings.rateValue", limit.RequestsPerSecond, limit.Burst)
	}
	if d.Spec.DisablementBudget != nil {
		budget = text("settings.budgetValue", policy.DescribeBudget(d.Spec.DisablementBudget))
	}
	of := func(name, value, field string) setting {
		return setting{text(name), value, plugin.FieldTrackedBy(d, field)}
	}
	return []setting{
		of("settings.existing", existingInWords(d), "existingUsers"),
		of("settings.rate", rate, "rateLimit"),
		of("settings.budget", budget, "disablementBudget"),
		of("settings.username", usernameInWords(d.Spec.KubernetesUsername), "kubernetesUsername"),
	}
}

func existingInWords(d *v1alpha1.CloudSSODirectory) string {
	if d.Spec.ExistingUsers == v1alpha1.ExistingUsersAdopt {
		return text("settings.adopt")
	}
	return text("settings.reject")
}

func usernameInWords(k *v1alpha1.KubernetesUsername) string {
	if k == nil {
		return text("settings.usernameDefault")
	}
	words := string(k.Attribute)
	if k.Prefix != "" {
		words = text("settings.usernamePrefix", words, k.Prefix)
	}
	if k.Lowercase {
		words += text("settings.usernameLowercase")
	}
	return words
}
