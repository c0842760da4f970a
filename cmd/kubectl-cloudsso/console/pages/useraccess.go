package pages

import (
	"cmp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	// Others are groups that assignments name, and that do not list the user.
	Others []assignedGroup
	// targets are where assignments grant, in words, by metadata.name.
	targets map[string]string
}

// HasRole reports whether the user has a role by an assignment.
func (a *userAccess) HasRole() bool {
	return slices.ContainsFunc(a.Grants, func(g access.Grant) bool { return g.Binding != "" })
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

// note notes the last change of a list of the group, if it is later than those noted before.
func (g *groupOfUser) note(list metav1.Object) {
	if change, known := policy.LastChangeOf(list); known && (g.Change == nil || g.Change.Time < change.Time) {
		g.Change = &change
	}
}

// assignedGroup is a group that assignments name.
type assignedGroup struct {
	groupOfUser
	// Assignments are their metadata.names.
	Assignments []string
}

// assignedGroups are the groups that the assignments of a directory name, by metadata.name.
type assignedGroups map[string]*assignedGroup

// userAccess is the part of a user's page that takes the longest, because it reads all groups.
func (c *console) userAccess(r *request) (*view, error) {
	u, err := r.readUser(r.PathValue("name"))
	if err != nil { // the part is shown within the page
		return &view{template: "user", part: "access", Data: person{User: u, Access: &userAccess{NoGroups: err.Error()}}}, nil
	}
	return &view{template: "user", part: "access", Data: person{User: u, Access: r.readAccess(u)}}, nil
}

func (r *request) readAccess(u *v1alpha1.CloudSSOUser) *userAccess {
	assigned, unread := r.assignedGroups(u.Namespace)
	inventory, err := plugin.MembershipsOf(r.Context(), r.Client, u, assigned.note)
	if err != nil {
		return &userAccess{NoGroups: err.Error()}
	}
	a := &userAccess{Groups: groupsOf(u.Name, inventory), Installed: true, targets: map[string]string{}}
	switch err := plugin.ReadAccess(r.Context(), r.Client, u, &inventory); {
	case isUnknownKind(err):
		a.Installed = false
	case err != nil:
		a.NoGrants = err.Error()
	case unread != nil:
		a.NoGrants = unread.Error()
	default:
		a.Grants = access.ReviewOf(inventory, u.Name)
		for i := range inventory.Assignments {
			a.targets[inventory.Assignments[i].Name] = targetText(inventory.Assignments[i].Spec.Target)
		}
		a.Others = assigned.without(a.Groups)
	}
	return a
}

// isUnknownKind reports whether the API server does not know a kind: the client says so, or the API server if the client takes the kind
// for granted.
func isUnknownKind(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// groupsOf returns the groups that list a user, with the last change of the list.
func groupsOf(user string, inventory access.Inventory) (groups []groupOfUser) {
	for _, name := range plugin.GroupsOf(user, inventory) {
		group := groupOfUser{GroupName: name}
		for i := range inventory.Groups {
			if inventory.Groups[i].Name == name.Group {
				group.note(&inventory.Groups[i])
			}
		}
		for i := range inventory.Slices {
			if inventory.Slices[i].Spec.Group == name.Group {
				group.note(&inventory.Slices[i])
			}
		}
		groups = append(groups, group)
	}
	return groups
}

// assignedGroups reads which groups assignments name.
func (r *request) assignedGroups(namespace string) (assignedGroups, error) {
	groups := assignedGroups{}
	var page v1alpha1.CloudSSOAccessAssignmentList
	err := plugin.EachPage(r.Context(), r.Client, &page, func() bool {
		for i := range page.Items {
			groups.add(&page.Items[i])
		}
		return true
	}, client.InNamespace(namespace))
	return groups, err
}

// add adds the group that an assignment has found.
func (groups assignedGroups) add(a *v1alpha1.CloudSSOAccessAssignment) {
	if a.Status.Principal == nil || a.Spec.Principal.Kind != v1alpha1.PrincipalGroup {
		return
	}
	name := a.Status.Principal.Name
	if groups[name] == nil {
		groups[name] = &assignedGroup{}
	}
	groups[name].Assignments = append(groups[name].Assignments, a.Name)
}

// note notes a group, or a slice of one, if an assignment names the group.
func (groups assignedGroups) note(list metav1.Object) {
	assigned := groups[membership.GroupOf(list)]
	if assigned == nil {
		return
	}
	if g, isGroup := list.(*v1alpha1.CloudSSOGroup); isGroup {
		assigned.GroupName = plugin.GroupName{Group: g.Name, DisplayName: g.Spec.DisplayName, Source: g.Spec.Source}
	}
	assigned.note(list)
}

// maxAssigned is how many groups that do not list the user the page shows: what a person looks through.
const maxAssigned = 50

// without returns the groups that exist but for those that list a user. The group that was changed last comes first.
func (groups assignedGroups) without(listing []groupOfUser) (others []assignedGroup) {
	for _, g := range groups {
		isListing := slices.ContainsFunc(listing, func(other groupOfUser) bool { return other.Group == g.Group })
		if g.Group != "" && !isListing {
			others = append(others, *g)
		}
	}
	slices.SortFunc(others, func(a, b assignedGroup) int {
		return cmp.Or(-strings.Compare(a.changed(), b.changed()), strings.Compare(a.DisplayName, b.DisplayName), strings.Compare(a.Group, b.Group))
	})
	return others[:min(len(others), maxAssigned)]
}

// changed returns when the group was changed last, in RFC 3339; "" if that is not known.
func (g *groupOfUser) changed() string {
	if g.Change == nil {
		return ""
	}
	return g.Change.Time
}
