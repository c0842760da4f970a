package pages

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// plainDirectory has the defaults of the CRD and no settings.
func plainDirectory() *v1alpha1.CloudSSODirectory {
	return &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{
		SCIMSynchronization: v1alpha1.SynchronizationEnabled, ExistingUsers: v1alpha1.ExistingUsersReject,
	}}
}

// setDirectory has each setting.
func setDirectory() *v1alpha1.CloudSSODirectory {
	d := plainDirectory()
	d.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerSecond: 5, Burst: 50}
	d.Spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(10)), Window: metav1.Duration{Duration: time.Hour}}
	d.Spec.KubernetesUsername = &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromEmail, Prefix: "oidc:", Lowercase: true}
	return d
}

func TestSettingsPatchHasWhatDiffers(t *testing.T) {
	for name, test := range map[string]struct {
		directory *v1alpha1.CloudSSODirectory
		typed     map[string]string // beside the values of the directory; "-" is no value
		want      string
	}{
		"nothing of plain": {plainDirectory(), nil, `null`},
		"nothing of all":   {setDirectory(), nil, `null`},
		"existing users":   {plainDirectory(), map[string]string{"existingUsers": "Adopt"}, `[{"op":"add","path":"/spec/existingUsers","value":"Adopt"}]`},
		"a rate alone":     {plainDirectory(), map[string]string{"requestsPerSecond": "7"}, `[{"op":"add","path":"/spec/rateLimit","value":{"requestsPerSecond":7}}]`},
		"no number":        {plainDirectory(), map[string]string{"burst": "many"}, `[{"op":"add","path":"/spec/rateLimit","value":{"burst":"many"}}]`},
		"no rate any more": {setDirectory(), map[string]string{"requestsPerSecond": "", "burst": ""}, `[{"op":"remove","path":"/spec/rateLimit"}]`},
		"a percentage": {
			setDirectory(),
			map[string]string{"budget": "percent", "amount": "5"},
			`[{"op":"add","path":"/spec/disablementBudget","value":{"percent":5,"window":"1h"}}]`,
		},
		"no budget any more":       {setDirectory(), map[string]string{"budget": "none"}, `[{"op":"remove","path":"/spec/disablementBudget"}]`},
		"an amount without budget": {plainDirectory(), map[string]string{"amount": "5"}, `null`},
		"another prefix": {
			setDirectory(),
			map[string]string{"prefix": "sso:"},
			`[{"op":"add","path":"/spec/kubernetesUsername","value":{"attribute":"email","lowercase":true,"prefix":"sso:"}}]`,
		},
		"no lower case": {
			setDirectory(),
			map[string]string{"lowercase": "-"},
			`[{"op":"add","path":"/spec/kubernetesUsername","value":{"attribute":"email","lowercase":false,"prefix":"oidc:"}}]`,
		},
		"the default user name": {
			setDirectory(),
			map[string]string{"attribute": "default", "prefix": "", "lowercase": "-"},
			`[{"op":"remove","path":"/spec/kubernetesUsername"}]`,
		},
		"a mapping that the form left out": {setDirectory(), map[string]string{"attribute": "-", "prefix": "-", "lowercase": "-"}, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			typed := valuesOf(test.directory)
			for field, value := range test.typed {
				typed.Set(field, value)
				if value == "-" {
					typed.Del(field)
				}
			}
			got, err := json.Marshal(settingsPatch(test.directory, typed))
			if err != nil || string(got) != test.want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestChangedFaultsNameWhatTheDirectoryHas(t *testing.T) {
	d := setDirectory()
	typed := valuesOf(plainDirectory())
	typed.Set("burst", "50")
	refused := changedFaults(d, typed)
	for field, want := range map[string]string{
		"requestsPerSecond": "The directory has: 5", "budget": "The directory has: A number of users", "amount": "The directory has: 10", "window": "The directory has: 1h",
		"existingUsers": "", "burst": "",
	} {
		if refused[field] != want {
			t.Errorf("%s: %q", field, refused[field])
		}
	}
	if refused[""] == "" {
		t.Error("nothing says that nothing was saved")
	}
}

func TestFormWithoutMappingShowsThatOfTheDirectory(t *testing.T) {
	values := withoutMapping(setDirectory(), url.Values{"burst": {"9"}})
	if values.Get("burst") != "9" || values.Get("prefix") != "oidc:" {
		t.Error(values)
	}
}
