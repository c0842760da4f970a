package pages

import (
	"net/http"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// settingsForm is the page that changes the settings of a directory.
type settingsForm struct {
	Directory *v1alpha1.CloudSSODirectory
	Parts     []formPart
	// Problem is about no input; "" if there is none.
	Problem string
	// Lacks is the right that the person lacks; "" if it has it.
	Lacks string
}

// formPart is what a form shows of one field of the spec.
type formPart struct {
	Title     string
	Fields    []field
	TrackedBy string
	// Lacks is the right to change this part that the person lacks; "" if it has it.
	Lacks string
}

func (c *console) editSettings(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	return r.settingsView(d, valuesOf(d), nil)
}

// settingsView returns the form with values and with what was refused of them.
func (r *request) settingsView(d *v1alpha1.CloudSSODirectory, values url.Values, refused faults) (*view, error) {
	held, err := r.readRights(patchDirectory, mapUsernames)
	if err != nil {
		return nil, err
	}
	form := settingsForm{Directory: d, Problem: refused[""], Lacks: held.Missing(patchDirectory)}
	for _, p := range settingParts {
		part := formPart{Title: text(p.title), TrackedBy: plugin.FieldTrackedBy(d, p.field), Fields: filled(p.fields, values, refused)}
		if p.field == usernameField {
			part.Lacks = held.Missing(mapUsernames)
		}
		form.Parts = append(form.Parts, part)
	}
	return &view{Title: text("settings.editTitle"), template: "settings_edit", Data: form}, nil
}

// filled returns the fields of a form with values, and with what was refused of them.
func filled(fields []field, values url.Values, refused faults) []field {
	shown := make([]field, len(fields))
	for i, f := range fields {
		f.Value, f.Fault = values.Get(f.Name), refused[f.Name]
		shown[i] = f
	}
	return shown
}

// saveSettings writes the settings of a form, if the directory is still the one that the form showed. Nothing of what was typed is
// lost otherwise.
func (c *console) saveSettings(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	typed := r.PostForm
	if !r.showed(d) {
		return r.refusedSettings(d, typed, changedFaults(d, typed), http.StatusConflict)
	}
	patch := settingsPatch(d, typed)
	if len(patch) == 0 {
		return r.finished(r.address("settings"), "unchanged"), nil
	}
	patch = append(plugin.PatchOf(d), patch...)
	err = r.Client.Patch(r.Context(), d.DeepCopy(), patch, r.author(), client.FieldValidation(metav1.FieldValidationStrict))
	if err != nil {
		return r.refusedSettings(d, typed, faultsOf(err, settingInputs), statusOf(err))
	}
	return r.finished(r.address("settings"), "saved"), nil
}

func (r *request) refusedSettings(d *v1alpha1.CloudSSODirectory, typed url.Values, refused faults, status int) (*view, error) {
	v, err := r.settingsView(d, withoutMapping(d, typed), refused)
	if err == nil {
		v.status = status
	}
	return v, err
}

// generationField is the field of a form that names the generation of the directory that it showed.
const generationField = "generation"

// showed reports whether a form showed the directory as it is now, and not one that was there before under its name.
func (r *request) showed(d *v1alpha1.CloudSSODirectory) bool {
	return r.PostFormValue(generationField) == strconv.FormatInt(d.Generation, 10) && r.PostFormValue(uidField) == string(d.UID)
}

// address returns the address of a page of the request's directory.
func (r *request) address(page string) string { return directoryAddress(r.namespace(), page) }
