package pages

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// credentialForm is the page that creates a credential. With Old it creates the successor of another.
type credentialForm struct {
	Old     *v1alpha1.SCIMCredential
	Once    string // the name of the form, see once.go
	Fields  []field
	Problem string
	Warning string
	// Existing are the credentials of a directory that has no room for one more.
	Existing []string
	Lacks    string
}

// newToken is the page that shows a token, once: it is the answer to the form, and the token is nowhere else.
type newToken struct {
	Credential *v1alpha1.SCIMCredential
	Token      string
	Endpoint   string
	Use        acceptance
	Old        string // the credential that this one follows; "" if it follows none
}

var credentialFields = []field{
	{Name: "description", Label: text("credential.description"), Hint: text("credential.descriptionHint")},
	{Name: "expiresAt", Label: text("credential.expiresAt"), Hint: text("credential.expiresHint"), Type: "datetime-local"},
	{Name: "allowedNetworks", Label: text("credential.networks"), Hint: text("credential.networksHint"), Type: "lines"},
}

// nameInput is the field of the name, which a successor does not have.
var nameInput = field{Name: "name", Label: text("credential.name"), Hint: text("credential.nameHint"), Required: true}

// credentialInputs are the inputs by field of the object, for what the API server refuses.
var credentialInputs = map[string]string{
	"metadata.name": "name", "spec.description": "description", "spec.expiresAt": expiryField, "spec.allowedNetworks": "allowedNetworks",
}

// successorInputs are those of the form of a successor, which has no input for the name.
func successorInputs() map[string]string {
	inputs := maps.Clone(credentialInputs)
	delete(inputs, "metadata.name")
	return inputs
}

func (c *console) newCredential(r *request) (*view, error) {
	if _, err := plugin.Directory(r.Context(), r.Client, r.namespace()); err != nil {
		return nil, err
	}
	return r.credentialFormView(nil, url.Values{}, nil)
}

func (c *console) rotateCredential(r *request) (*view, error) {
	old, err := r.readCredential(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return r.credentialFormView(old, valuesOfCredential(old), nil)
}

// valuesOfCredential returns what a successor takes over: not the expiry, because its year begins when it is created.
func valuesOfCredential(c *v1alpha1.SCIMCredential) url.Values {
	return url.Values{"description": {c.Spec.Description}, "allowedNetworks": {strings.Join(c.Spec.AllowedNetworks, "\n")}}
}

// credentialFormView returns the form with values and with what was refused of them. old is the credential that the new one
// follows; nil for none.
func (r *request) credentialFormView(old *v1alpha1.SCIMCredential, values url.Values, refused faults) (*view, error) {
	held, err := r.readRights(createCredential)
	if err != nil {
		return nil, err
	}
	form := credentialForm{Old: old, Once: newOnce(), Problem: refused[""], Lacks: held.Missing(createCredential)}
	title, fields := text("credential.newTitle"), append([]field{nameInput}, credentialFields...)
	if old != nil {
		title, fields = text("credential.rotateTitle", old.Name), credentialFields
		form.Warning = trackedWarning(old)
	}
	form.Fields = filled(fields, values, refused)
	var full *plugin.NoSlotError
	if err := plugin.NeedFreeSlot(r.Context(), r.Client, r.namespace()); errors.As(err, &full) {
		form.Existing = full.Names
	} else if err != nil {
		return nil, err
	}
	return &view{Title: title, template: "credential_new", Data: form}, nil
}

// specOf returns the spec that a form describes, and what is wrong with it.
func (r *request) specOf(form url.Values) (spec v1alpha1.SCIMCredentialSpec, refused faults) {
	spec.Description = strings.TrimSpace(form.Get("description"))
	spec.AllowedNetworks = strings.FieldsFunc(form.Get("allowedNetworks"), func(c rune) bool { return strings.ContainsRune(" ,\r\n\t", c) })
	if typed := form.Get("expiresAt"); typed != "" {
		at, err := parseTime(typed)
		switch {
		case err != nil:
			return spec, faults{"expiresAt": text("credential.noTime")}
		case !at.After(r.now):
			return spec, faults{"expiresAt": text("credential.past")}
		}
		spec.ExpiresAt = &at
	}
	return spec, nil
}

// createFirst creates the credential of a form, and shows its token.
func (c *console) createFirst(r *request) (*view, error) {
	name := strings.TrimSpace(r.PostFormValue("name"))
	return c.create(r, nil, func(auth.TokenHash) string { return name })
}

// createSuccessor creates the credential that replaces another, and shows its token.
func (c *console) createSuccessor(r *request) (*view, error) {
	old, err := r.readCredential(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return c.create(r, old, func(hash auth.TokenHash) string { return plugin.SuccessorName(old, hash) })
}

// create creates a credential. A form that is sent again creates no other: the browser remembers it, or, if both are sent at once, its
// name is taken, or the directory is full.
func (c *console) create(r *request, old *v1alpha1.SCIMCredential, nameOf func(auth.TokenHash) string) (*view, error) {
	form := r.PostForm
	if c.isCarriedOut(r) {
		return r.refusedCredential(old, form, faults{"": text("credential.sentBefore")}, http.StatusConflict)
	}
	spec, refused := r.specOf(form)
	if refused != nil {
		return r.refusedCredential(old, form, refused, http.StatusUnprocessableEntity)
	}
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	created, token, err := c.mint(r, plugin.NewCredential{Namespace: d.Namespace, NameOf: nameOf, Spec: spec})
	var full *plugin.NoSlotError
	switch {
	case errors.As(err, &full):
		return r.notCreatedAgain(old, form, "")
	case apierrors.IsAlreadyExists(err):
		return r.notCreatedAgain(old, form, err.Error()+". ")
	case err != nil && old != nil:
		return r.refusedCredential(old, form, faultsOf(err, successorInputs()), statusOf(err))
	case err != nil:
		return r.refusedCredential(nil, form, faultsOf(err, credentialInputs), statusOf(err))
	}
	shown := newToken{Credential: created, Token: token, Endpoint: d.Status.Endpoint, Use: acceptanceOf(created)}
	if old != nil {
		shown.Old = old.Name
	}
	return &view{Title: text("credential.tokenTitle", created.Name), template: "credential_token", cookie: c.remember(r), Data: shown}, nil
}

// mint creates a credential, if there is room for it. One at a time, so that a form that is sent twice at once finds the first.
func (c *console) mint(r *request, n plugin.NewCredential) (*v1alpha1.SCIMCredential, string, error) {
	c.minting.Lock()
	defer c.minting.Unlock()
	if err := plugin.NeedFreeSlot(r.Context(), r.Client, n.Namespace); err != nil {
		return nil, "", err
	}
	return plugin.Mint(r.Context(), r.Client, c.Random, n)
}

func (r *request) refusedCredential(old *v1alpha1.SCIMCredential, form url.Values, refused faults, status int) (*view, error) {
	v, err := r.credentialFormView(old, form, refused)
	if err == nil {
		v.status = status
	}
	return v, err
}

// notCreatedAgain returns the page after a reload: what the form asked for exists, and its token cannot be shown again.
func (r *request) notCreatedAgain(old *v1alpha1.SCIMCredential, form url.Values, cause string) (*view, error) {
	return r.refusedCredential(old, form, faults{"": cause + text("credential.again")}, http.StatusConflict)
}
