package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

// credentialPage is the page of a credential.
type credentialPage struct {
	Credential *v1alpha1.SCIMCredential
	// Use is whether the operator accepts it, in words.
	Use acceptance
	// Danger says that the identity provider cannot connect without the credential; "" if it can.
	Danger  string
	Expires field
	Problem string
	Warning string // which tool would turn a change back; "" if none does
	// The rights that the person lacks; "" if it has them.
	LacksPatch, LacksDelete, LacksCreate string
}

// The rights for all credentials of a directory.
var (
	createCredential = rightTo("create", plugin.Credentials)
	listCredentials  = rightTo("list", plugin.Credentials)
)

// readCredentials reads the credentials of the directory, or returns the right that the person lacks to see them. held has
// listCredentials.
func (r *request) readCredentials(held rights) (credentials []v1alpha1.SCIMCredential, missing string, err error) {
	if missing = held.Missing(listCredentials); missing != "" {
		return nil, missing, nil
	}
	credentials, err = plugin.CredentialsOf(r.Context(), r.Client, r.namespace())
	return credentials, "", err
}

// rightToCredential returns a right over one credential.
func rightToCredential(verb, name string) right {
	w := rightTo(verb, plugin.Credentials)
	w.Name = name
	return w
}

// readCredential reads a credential by its name.
func (r *request) readCredential(name string) (*v1alpha1.SCIMCredential, error) {
	credential := &v1alpha1.SCIMCredential{}
	return credential, r.Client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace(), Name: name}, credential)
}

func (c *console) credential(r *request) (*view, error) {
	credential, err := r.readCredential(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return r.credentialView(credential, timeValue(credential.Spec.ExpiresAt), nil)
}

// credentialView returns the page of a credential, with what was typed as its expiry and what was refused of it.
func (r *request) credentialView(credential *v1alpha1.SCIMCredential, expires string, refused faults) (*view, error) {
	all, err := plugin.CredentialsOf(r.Context(), r.Client, credential.Namespace)
	if err != nil {
		return nil, err
	}
	patch, remove := rightToCredential("patch", credential.Name), rightToCredential("delete", credential.Name)
	held, err := r.readRights(patch, remove, createCredential)
	if err != nil {
		return nil, err
	}
	return &view{Title: text("credential.title", credential.Name), template: "credential", Data: credentialPage{
		Credential: credential, Use: acceptanceOf(credential), Danger: plugin.EndDanger(credential, all, r.now),
		Expires: field{Name: "expiresAt", Label: text("credential.expiresAt"), Hint: text("credential.expiresNow"), Type: "datetime-local", Required: true, Value: expires, Fault: refused["expiresAt"]},
		Problem: refused[""], Warning: trackedWarning(credential),
		LacksPatch: held.Missing(patch), LacksDelete: held.Missing(remove), LacksCreate: held.Missing(createCredential),
	}}, nil
}

// trackedWarning says which tool would turn back a change of a credential; "" if none does.
func trackedWarning(credential *v1alpha1.SCIMCredential) string {
	if tool := plugin.TrackedBy(credential); tool != "" {
		return text("credential.tracked", tool)
	}
	return ""
}

// acceptance is whether the operator accepts a credential.
type acceptance struct {
	IsKnown, IsAccepted bool
	Words               string
	Address             string // of the credential's page
}

func acceptanceOf(credential *v1alpha1.SCIMCredential) acceptance {
	a := acceptance{Address: credentialAddress(credential.Namespace, credential.Name)}
	usable := meta.FindStatusCondition(credential.Status.Conditions, v1alpha1.ConditionUsable)
	a.IsKnown, a.Words = usable != nil && usable.ObservedGeneration >= credential.Generation, text("credential.unknown")
	if a.IsKnown {
		a.IsAccepted = usable.Status == metav1.ConditionTrue
		a.Words = text("credential.notAccepted", conditionText(credential.Status.Conditions, v1alpha1.ConditionUsable))
	}
	if a.IsAccepted {
		a.Words = text("credential.accepted")
	}
	return a
}

// usableText is what a list says about whether the operator accepts a credential.
func usableText(credential *v1alpha1.SCIMCredential) string {
	if !acceptanceOf(credential).IsKnown {
		return text("credential.unknown")
	}
	return conditionText(credential.Status.Conditions, v1alpha1.ConditionUsable)
}

// credentialUse returns the part of a page that says whether the operator accepts a credential. An error is shown in its place.
func (c *console) credentialUse(r *request) (*view, error) {
	credential, err := r.readCredential(r.PathValue("name"))
	use := acceptanceOf(credential)
	if err != nil {
		use = acceptance{IsKnown: true, Words: err.Error()}
	}
	return &view{template: "credential_token", part: "use", Data: use}, nil
}

// shownCredential returns the credential of a form, as far as a patch of it needs it: that which the form showed, not another of its
// name.
func (r *request) shownCredential() *v1alpha1.SCIMCredential {
	return &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{
		Namespace: r.namespace(), Name: r.PathValue("name"), UID: types.UID(r.PostFormValue(uidField)),
	}}
}

// patchCredential adds a field to the spec of the credential that a form showed.
func (r *request) patchCredential(path string, value any) error {
	credential := r.shownCredential()
	patch := jsonpatch.Patch{}.TestUID(credential).Add("/spec/"+path, value)
	err := r.Client.Patch(r.Context(), credential, patch, r.author())
	if jsonpatch.Failed(err) {
		return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource(plugin.Credentials).GroupResource(), credential.Name, errors.New(text("credential.replaced")))
	}
	return err
}

// disableCredential disables a credential, or enables it.
func (c *console) disableCredential(r *request) (*view, error) {
	isDisabled := r.PostFormValue(disabledField) == checked
	if isDisabled {
		if ask, err := r.askFirst(url.Values{disabledField: {checked}}); ask != nil || err != nil {
			return ask, err
		}
	}
	if err := r.patchCredential("disabled", isDisabled); err != nil {
		return nil, err
	}
	return r.finished(credentialAddress(r.namespace(), r.PathValue("name")), "disabled."+strconv.FormatBool(isDisabled)), nil
}

// setExpiry sets when a credential expires. What was typed stays if it is refused.
func (c *console) setExpiry(r *request) (*view, error) {
	typed := r.PostFormValue(expiryField)
	at, err := parseTime(typed)
	refused, status := faults{"expiresAt": text("credential.noTime")}, http.StatusUnprocessableEntity
	if err == nil && !at.After(r.now) {
		if ask, err := r.askFirst(url.Values{expiryField: {typed}}); ask != nil || err != nil {
			return ask, err
		}
	}
	if err == nil {
		if err = r.patchCredential("expiresAt", at); err == nil {
			return r.finished(credentialAddress(r.namespace(), r.PathValue("name")), "expiry"), nil
		}
		refused, status = faultsOf(err, expiryInput), statusOf(err)
	}
	credential, err := r.readCredential(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	v, err := r.credentialView(credential, typed, refused)
	if err == nil {
		v.status = status
	}
	return v, err
}

// expiryInput is the one input of the page of a credential, by field of the object.
var expiryInput = map[string]string{"spec.expiresAt": expiryField}

// formTime is how an input of a date and a time writes them: without a zone, so that the label names it.
const formTime = "2006-01-02T15:04"

// parseTime returns a time of a form, which is one of UTC.
func parseTime(typed string) (metav1.Time, error) {
	at, err := time.Parse(formTime, typed)
	return metav1.NewTime(at), err
}

// timeValue returns a time as a form has it; "" without one.
func timeValue(at *metav1.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(formTime)
}

// credentialAddress returns the address of the page of a credential.
func credentialAddress(namespace, name string) string {
	return directoryAddress(namespace, "credentials/"+url.PathEscape(name))
}
