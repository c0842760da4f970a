// Package controllers is one list of everything that runs on the leader.
package controllers

import (
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

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
	// Memberships and Names are the index of the SCIM side, and Claims what it claims names with.
	Memberships controllerutil.Memberships
	Names       controllerutil.Names
	Claims      *nameclaim.Claims
	// Selector says which namespaces may be directories; may be nil.
	Selector *namespaceselector.Selector
	// Priority is told of users that lose access, until they have been reconciled; may be nil.
	Priority *priority.Gate
	// Bindings are the projected bindings; nil if access is not installed.
	Bindings *bindings.Bindings
	// ExcludedNamespaces are those in which no role is granted.
	ExcludedNamespaces []string
}

// SetupWithManager adds every controller to mgr.
func SetupWithManager(mgr ctrl.Manager, c Config) error {
	names := controllerutil.NameOwner{Names: c.Names, Claims: c.Claims}
	remover := &controllerutil.MemberRemover{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Now: time.Now}
	for _, controller := range []struct {
		name       string
		reconciler interface{ SetupWithManager(ctrl.Manager) error }
	}{
		{"credential", &credential.Reconciler{Endpoint: c.Endpoint}},
		{"directory", &directory.Reconciler{NameOwner: names, Endpoint: c.Endpoint, Selector: c.Selector}},
		{"user", &user.Reconciler{NameOwner: names, Memberships: c.Memberships, Remover: remover, Priority: c.Priority}},
		{"group", &group.Reconciler{NameOwner: names, Memberships: c.Memberships, Remover: remover}},
		{"slice", &slice.Reconciler{}},
		{"nameclaim", &claims.Reconciler{NameOwner: names}},
	} {
		if err := controller.reconciler.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("the controller %q: %w", controller.name, err)
		}
	}
	return nil
}
