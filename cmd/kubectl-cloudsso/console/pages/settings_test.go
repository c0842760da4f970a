package pages

import (
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// The API server stores a directory that was applied without a spec as it is. It is Disabled, and each page can enable it.
func TestPagesShowADirectoryWithoutSpec(t *testing.T) {
	d := &v1alpha1.CloudSSODirectory{}
	toEnabled := switchPage{Directory: d, To: v1alpha1.SynchronizationEnabled, Choices: switchChoices(d, v1alpha1.SynchronizationEnabled)}
	for name, data := range map[string]any{
		"directory":     overview{Directory: d, Connection: plugin.ConnectionOf(d, noon)},
		"directories":   directoryList{Rows: chunk[*v1alpha1.CloudSSODirectory]{Hits: []*v1alpha1.CloudSSODirectory{d}}},
		"settings":      settings{Directory: d, Settings: settingsOf(d)},
		"settings_edit": settingsForm{Directory: d},
		"switch":        toEnabled,
	} {
		v := &view{Title: name, template: name, Data: data, Now: noon, Namespace: "acme"}
		out, err := v.render()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name != "settings_edit" && !strings.Contains(string(out), `<span class="switch Disabled">Disabled</span>`) {
			t.Errorf("%s does not say that synchronization is Disabled: %s", name, out)
		}
	}
}
