// Package controllers is one list of everything that runs on the leader.
package controllers

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers/credential"
	"github.com/cloudsso/cloudsso-operator/controllers/directory"
	"github.com/cloudsso/cloudsso-operator/controllers/group"
	"github.com/cloudsso/cloudsso-operator/controllers/slice"
	"github.com/cloudsso/cloudsso-operator/controllers/user"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// Config is what the controllers need beside their manager. All of it is required, but for what may be nil.
type Config struct {
	// Endpoint is the SCIM base URL.
	Endpoint string
	// UserNamesakes are the live users with the userName of u in any spelling, in the order in which they took it,
	// as of u's revision or later: u among them if it is live, but not while its create may be undone.
	UserNamesakes func(ctx context.Context, u *v1alpha1.CloudSSOUser) ([]*v1alpha1.CloudSSOUser, error)
	// GroupNamesakes are the groups with the displayName of g, likewise.
	GroupNamesakes func(ctx context.Context, g *v1alpha1.CloudSSOGroup) ([]*v1alpha1.CloudSSOGroup, error)
	// GroupsOf are the names of the groups that have the user as a member.
	GroupsOf func(namespace, user string) []string
	// ListsOf are the groups and slices that list the user.
	ListsOf func(namespace, user string) []client.Object
	// AllListsOf are ListsOf for certain: all that listed the user when it is called.
	AllListsOf func(ctx context.Context, namespace, user string) ([]client.Object, error)
	// Leavers is told of those who lose access, until they have been looked at; may be nil.
	Leavers *priority.Gate
}

// SetupWithManager adds every controller to mgr, whose cache has to have credential.SecretCacheOptions.
func SetupWithManager(mgr ctrl.Manager, c Config) error {
	for _, controller := range []struct {
		name       string
		reconciler interface{ SetupWithManager(ctrl.Manager) error }
	}{
		{"credential", &credential.Reconciler{Endpoint: c.Endpoint}},
		{"directory", &directory.Reconciler{Endpoint: c.Endpoint}},
		{"user", &user.Reconciler{Namesakes: c.UserNamesakes, ListsOf: c.ListsOf, AllListsOf: c.AllListsOf, Leavers: c.Leavers}},
		{"group", &group.Reconciler{Namesakes: c.GroupNamesakes, GroupsOf: c.GroupsOf}},
		{"slice", &slice.Reconciler{}},
	} {
		if err := controller.reconciler.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("the controller %q: %w", controller.name, err)
		}
	}
	return nil
}
