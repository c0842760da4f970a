package pages

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// revokePage says what it means to revoke a credential, and offers it.
type revokePage struct {
	Credential *v1alpha1.SCIMCredential
	Effects    []string
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
	return &view{Title: text("credential.revokeTitle", credential.Name), template: "credential_revoke", Data: revokePage{
		Credential: credential, Effects: plugin.RevokeEffects(credential, plugin.IsLastUsable(credential, all, r.now)),
		Warning: trackedWarning(credential), Lacks: lacks,
	}}, nil
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
