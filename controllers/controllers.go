// Package controllers is one list of everything that runs on the leader.
package controllers

import (
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/controllers/access"
	"github.com/cloudsso/cloudsso-operator/controllers/credential"
	"github.com/cloudsso/cloudsso-operator/controllers/directory"
	"github.com/cloudsso/cloudsso-operator/controllers/group"
	claims "github.com/cloudsso/cloudsso-operator/controllers/nameclaim"
	"github.com/cloudsso/cloudsso-operator/controllers/slice"
	"github.com/cloudsso/cloudsso-operator/controllers/user"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// Config is what the controllers need beside their manager. Every field is required unless its comment says that it may be
// nil.
type Config struct {
	// Endpoint is the SCIM base URL.
	Endpoint string
	// Memberships, Names and Principals are the index of the SCIM side, and Claims what it claims names with.
	Memberships controllerutil.Memberships
	Names       controllerutil.Names
	Principals  controllerutil.Principals
	Claims      *nameclaim.Claims
	// Selector says which namespaces may be directories; may be nil.
	Selector *namespaceselector.Selector
	// Priority is told of users that lose access, until they have been reconciled; may be nil.
	Priority *priority.Gate
	// Bindings writes the bindings of access assignments; nil if the operator was installed without access.
	Bindings *bindings.Bindings
	// ExcludedNamespaces are those in which nothing is bound; may be nil.
	ExcludedNamespaces []string
	// Now is the clock of access assignments. Default: time.Now.
	Now func() time.Time
}

// SetupWithManager adds every controller to mgr.
func SetupWithManager(mgr ctrl.Manager, c Config) error {
	names := controllerutil.NameOwner{Names: c.Names, Claims: c.Claims}
	var revocations controllerutil.RevocationWaiter
	if c.Bindings != nil {
		revocations = c.Bindings
	}
	remover := &controllerutil.MemberRemover{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Now: time.Now}
	for _, controller := range []struct {
		name       string
		reconciler interface{ SetupWithManager(ctrl.Manager) error }
	}{
		{"credential", &credential.Reconciler{Endpoint: c.Endpoint}},
		{"directory", &directory.Reconciler{NameOwner: names, Endpoint: c.Endpoint, Selector: c.Selector}},
		{"user", &user.Reconciler{NameOwner: names, Memberships: c.Memberships, Remover: remover, Priority: c.Priority, Revocations: revocations}},
		{"group", &group.Reconciler{NameOwner: names, Memberships: c.Memberships, Remover: remover, Revocations: revocations}},
		{"slice", &slice.Reconciler{}},
		{"nameclaim", &claims.Reconciler{NameOwner: names}},
		{"access", &access.Reconciler{
			Base: controllerutil.Base{Now: c.Now}, NameOwner: names, Memberships: c.Memberships, Principals: c.Principals,
			Bindings: c.Bindings, Selector: c.Selector, ExcludedNamespaces: c.ExcludedNamespaces,
		}},
	} {
		if err := controller.reconciler.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("the controller %q: %w", controller.name, err)
		}
	}
	return nil
}
