package pages

import (
	"net/url"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// revokePage says what it means to revoke a credential, and offers it.
type revokePage struct {
	Credential *v1alpha1.SCIMCredential
	Effects    []string
	Danger     string // says that the identity provider does not use another one; "" if it does
	Warning    string // which tool would create the credential again; "" if none does
	Lacks      string // the right that the person lacks; "" if it has it
}

// storedPage asks whether the token of a new credential has been stored.
type storedPage struct {
	Credential *v1alpha1.SCIMCredential
	Use        acceptance
	Old        string // the credential that this one follows; "" if it follows none
	Lacks      string // the right to revoke it, if the person lacks it
}

// oldParameter names the credential that another one follows.
const oldParameter = "old"

// credentials leads to the list of credentials, for a person who opens the address that the token was shown at.
func (c *console) credentials(r *request) (*view, error) {
	return redirected(r.address("settings")), nil
}

// readDeletable reads the credential of the address. lacks is the right to delete it, if the person lacks it.
func (r *request) readDeletable() (credential *v1alpha1.SCIMCredential, lacks string, err error) {
	if credential, err = r.readCredential(r.PathValue("name")); err != nil {
		return nil, "", err
	}
	remove := rightToCredential("delete", credential.Name)
	held, err := r.readRights(remove)
	return credential, held.Missing(remove), err
}

func (c *console) revokePage(r *request) (*view, error) {
	credential, lacks, err := r.readDeletable()
	if err != nil {
		return nil, err
	}
	all, err := plugin.CredentialsOf(r.Context(), r.Client, credential.Namespace)
	if err != nil {
		return nil, err
	}
	page := revokePage{
		Credential: credential, Effects: plugin.RevokeEffects(credential), Danger: plugin.EndDanger(credential, all, r.now),
		Warning: trackedWarning(credential), Lacks: lacks,
	}
	return &view{Title: text("credential.revokeTitle", credential.Name), template: "credential_revoke", Data: page}, nil
}

// The fields of the forms that end a credential. sureField says that the person was asked before.
const (
	disabledField = "disabled"
	expiryField   = "expiresAt"
	sureField     = "sure"
)

// endPage asks whether to disable a credential, or to set its expiry to a time in the past, although no other is in use.
type endPage struct {
	Credential *v1alpha1.SCIMCredential
	Effects    []string
	Danger     string
	Warning    string // which tool would turn the change back; "" if none does
	// Action is the last part of the form's address, Field and Value are what it sends, and Button is its text.
	Action, Field, Value, Button string
	Lacks                        string // the right that the person lacks; "" if it has it
}

// askFirst sends the browser to the page that asks, if the form in the address ends the only credential in use and the person was
// not asked yet; it returns nil otherwise.
func (r *request) askFirst(form url.Values) (*view, error) {
	if r.PostFormValue(sureField) == checked {
		return nil, nil
	}
	credential, err := r.readCredential(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	all, err := plugin.CredentialsOf(r.Context(), r.Client, credential.Namespace)
	if err != nil || plugin.EndDanger(credential, all, r.now) == "" {
		return nil, err
	}
	return redirected(credentialAddress(r.namespace(), credential.Name) + "/end?" + form.Encode()), nil
}

// askEnd is the page that asks.
func (c *console) askEnd(r *request) (*view, error) {
	credential, err := r.readCredential(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	all, err := plugin.CredentialsOf(r.Context(), r.Client, credential.Namespace)
	if err != nil {
		return nil, err
	}
	patch := rightToCredential("patch", credential.Name)
	held, err := r.readRights(patch)
	if err != nil {
		return nil, err
	}
	page := endPage{Credential: credential, Danger: plugin.EndDanger(credential, all, r.now), Warning: trackedWarning(credential), Lacks: held.Missing(patch)}
	title := page.setForm(r.URL.Query())
	if title == "" {
		return nil, errNoPage
	}
	return &view{Title: title, template: "credential_end", Data: page}, nil
}

// setForm sets the form of the page from its address, and returns the title; "" if there is no such form.
func (p *endPage) setForm(query url.Values) (title string) {
	name := p.Credential.Name
	at, err := parseTime(query.Get(expiryField))
	switch {
	case query.Get(disabledField) == checked:
		p.Action, p.Field, p.Value = "disabled", disabledField, checked
		p.Button, p.Effects = text("credential.disableNow", name), []string{text("credential.disableMeans")}
		return text("credential.disableTitle", name)
	case err == nil:
		p.Action, p.Field, p.Value = "expiry", expiryField, query.Get(expiryField)
		p.Button, p.Effects = text("credential.endNow", name), []string{text("credential.endMeans", exact(at))}
		return text("credential.endTitle", name)
	}
	return ""
}

// revoke deletes the credential that a form showed. One that is gone already is revoked.
func (c *console) revoke(r *request) (*view, error) {
	credential := r.shownCredential()
	if err := client.IgnoreNotFound(plugin.RevokeCredential(r.Context(), r.Client, credential)); err != nil {
		return nil, err
	}
	if r.PostFormValue("again") != checked {
		return r.finished(r.address("settings"), "revoked"), nil
	}
	if old := r.PostFormValue(oldParameter); old != "" {
		return r.finished(credentialAddress(r.namespace(), old)+"/rotate", "again"), nil
	}
	return r.finished(r.address("new-credential"), "again"), nil
}

// stored returns the page after that of the token: it asks whether the token has been stored, because it cannot be shown again.
func (c *console) stored(r *request) (*view, error) {
	credential, lacks, err := r.readDeletable()
	if err != nil {
		return nil, err
	}
	return &view{Title: text("credential.storedTitle", credential.Name), template: "credential_stored", Data: storedPage{
		Credential: credential, Use: acceptanceOf(credential), Old: r.URL.Query().Get(oldParameter), Lacks: lacks,
	}}, nil
}
