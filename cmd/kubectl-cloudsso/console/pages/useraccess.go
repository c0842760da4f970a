package pages

import (
	"cmp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// userAccess is the groups and the access of a user.
type userAccess struct {
	Groups []groupOfUser
	// NoGroups and NoGrants say why these are not shown, in the API server's words; "" if they are.
	NoGroups, NoGrants string
	// Installed says that the API server knows assignments.
	Installed bool
	Grants    []access.Grant
	// targets are where assignments grant, in words, by metadata.name.
	targets map[string]string
}

// Where returns where the user has a role, or where it would have it if the assignment granted it.
func (a *userAccess) Where(g access.Grant) string {
	if g.Binding == "" {
		return text("grant.would", a.targets[g.Assignment])
	}
	return cmp.Or(g.Namespace, text("grant.cluster"))
}

// groupOfUser is a group that lists a user.
type groupOfUser struct {
	plugin.GroupName
	// Change is the last SCIM request that wrote the list which the user is in; nil if none is recorded.
	Change *policy.LastChange
}

// userAccess is the part of a user's page that takes the longest, because it reads all groups.
func (c *console) userAccess(r *request) (*view, error) {
	u, err := r.readUser(r.PathValue("name"))
	if err != nil { // the part is shown within the page
		return &view{template: "user", part: "access", Data: person{User: u, Access: &userAccess{NoGroups: err.Error()}}}, nil
	}
	return &view{template: "user", part: "access", Data: person{User: u, Access: r.readAccess(u)}}, nil
}

func (r *request) readAccess(u *v1alpha1.CloudSSOUser) *userAccess {
	inventory, err := plugin.MembershipsOf(r.Context(), r.Client, u)
	if err != nil {
		return &userAccess{NoGroups: err.Error()}
	}
	a := &userAccess{Groups: groupsOf(u.Name, inventory), Installed: true, targets: map[string]string{}}
	switch err := plugin.ReadAccess(r.Context(), r.Client, u, &inventory); {
	case isUnknownKind(err):
		a.Installed = false
	case err != nil:
		a.NoGrants = err.Error()
	default:
		a.Grants = access.ReviewOf(inventory, u.Name)
		for i := range inventory.Assignments {
			a.targets[inventory.Assignments[i].Name] = targetText(inventory.Assignments[i].Spec.Target)
		}
	}
	return a
}

// isUnknownKind reports whether the API server does not know a kind: the client says so, or the API server if the client takes the kind
// for granted.
func isUnknownKind(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// groupsOf returns the groups that list a user, with the last change of the list.
func groupsOf(user string, inventory access.Inventory) (groups []groupOfUser) {
	changes := map[string]*policy.LastChange{}
	note := func(list metav1.Object) {
		group := membership.GroupOf(list)
		if change, known := policy.LastChangeOf(list); known && (changes[group] == nil || changes[group].Time < change.Time) {
			changes[group] = &change
		}
	}
	for i := range inventory.Groups {
		note(&inventory.Groups[i])
	}
	for i := range inventory.Slices {
		note(&inventory.Slices[i])
	}
	for _, name := range plugin.GroupsOf(user, inventory) {
		groups = append(groups, groupOfUser{name, changes[name.Group]})
	}
	return groups
}
