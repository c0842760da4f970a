package pages

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// team is the page of a group.
type team struct {
	Group *v1alpha1.CloudSSOGroup
	// OnlyWithout says that the page searches for members without effect.
	OnlyWithout bool
	Members     chunk[member]
	// IsLocked says that people may not change the group, because synchronization is on.
	IsLocked bool
	// Change is the last change over SCIM; nil if none is recorded.
	Change *policy.LastChange
	// HasAccess says that the cluster knows access assignments. Assignments are those of the group, and MissingRight the right
	// that the person lacks to see them; "" if it sees them.
	HasAccess    bool
	Assignments  []*v1alpha1.CloudSSOAccessAssignment
	MissingRight string
	// AreMore says that further assignments were not read.
	AreMore bool
}

// member is a member of a group.
type member struct {
	Name string
	// User is nil if there is no such user.
	User *v1alpha1.CloudSSOUser
	// Without is the reason why the member has no effect; "" if it has.
	Without string
}

const (
	// pageMembers is how many members a page shows: each is one read of a user.
	pageMembers = 50
	// chunkMembers is how many members a search reads at a time: a whole slice, a tenth of a second.
	chunkMembers = 250
	// parallelReads is how many users are read at a time: few, because others use the API server too.
	parallelReads = 8
)

// group is the page of a group: the first of its members, or of those without effect.
func (c *console) group(r *request) (*view, error) {
	t, err := r.readTeam()
	if err != nil {
		return nil, err
	}
	if change, known := policy.LastChangeOf(t.Group); known {
		t.Change = &change
	}
	if t.IsLocked, err = r.isLocked(t.Group); err != nil {
		return nil, err
	}
	if t.HasAccess = r.hasAccess(); t.HasAccess {
		if err := t.readAssignments(r); err != nil {
			return nil, err
		}
	}
	return &view{Title: t.Group.Spec.DisplayName, template: "group", Data: t}, nil
}

// memberRows is the next part of the members, for the page that has the part before.
func (c *console) memberRows(r *request) (*view, error) {
	t, err := r.readTeam()
	return &view{template: "group", part: "rows", Data: t}, err
}

// readTeam reads a group, and the part of its members that the request asks for.
func (r *request) readTeam() (t team, err error) {
	g := &v1alpha1.CloudSSOGroup{}
	if err = r.Client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace(), Name: r.PathValue("name")}, g); err != nil {
		return team{}, err
	}
	query := r.URL.Query()
	t = team{Group: g, OnlyWithout: query.Get("without") != ""}
	at, limit := positionOf(query.Get("continue")), pageMembers
	if t.OnlyWithout {
		limit = chunkMembers
	}
	names, next, err := r.membersAt(g, at, limit)
	if at.InSlices && apierrors.IsResourceExpired(err) {
		at = at.renewed(plugin.FreshToken(err))
		t.Members.Notice = renewedNotice(at.Slice)
		names, next, err = r.membersAt(g, at, limit)
	}
	if err != nil {
		return team{}, err
	}
	if t.Members.Hits, err = r.readMembers(r.Context(), g.Namespace, names); err != nil {
		return team{}, err
	}
	if t.OnlyWithout {
		t.Members.Hits = withoutEffect(t.Members.Hits)
	}
	t.count(query, at, len(names))
	if next != nil {
		t.Members.Next = next.String()
		t.Members.Remaining = next.left(g)
	}
	return t, nil
}

// count sets how far the members were read, with so many from a position on, and whether the page reads on.
func (t *team) count(query url.Values, at position, read int) {
	m := &t.Members
	m.Part, m.Remaining = oneHit, -1
	if _, m.Progress = beginOf(query, m.Part); at.Read == 0 {
		m.Progress.Found = 0 // the list has begun again
	}
	m.Progress.Read, m.Progress.Found = int64(at.Read+read), m.Progress.Found+int64(len(m.Hits))
	m.GoesOn = t.OnlyWithout || m.Progress.Found < m.Progress.Until
}

// withoutEffect returns the members that have no effect.
func withoutEffect(all []member) (without []member) {
	for _, m := range all {
		if m.Without != "" {
			without = append(without, m)
		}
	}
	return without
}

// position is a place in the members of a group: those of its own list come first, and then those of its slices.
type position struct {
	// Read is how many members come before it.
	Read int
	// At is the number of the next member in its list.
	At int
	// InSlices says that the list is a slice: that at the API server's token Slice.
	InSlices bool
	Slice    string
}

// positionOf returns the position that a parameter names: the first, if it names none.
func positionOf(parameter string) (p position) {
	fields := strings.SplitN(parameter, ".", 4)
	if len(fields) != 4 {
		return position{}
	}
	read, readErr := strconv.Atoi(fields[0])
	at, atErr := strconv.Atoi(fields[1])
	if readErr != nil || atErr != nil || read < 0 || at < 0 {
		return position{}
	}
	return position{read, at, fields[2] == "s", fields[3]}
}

// String returns the position as a parameter.
func (p position) String() string {
	list := "l"
	if p.InSlices {
		list = "s"
	}
	return fmt.Sprintf("%d.%d.%s.%s", p.Read, p.At, list, p.Slice)
}

// renewed returns the position in place of one whose token has expired: the same at a fresh token, or the first if that is "".
func (p position) renewed(fresh string) position {
	if fresh == "" {
		return position{}
	}
	p.Slice = fresh
	return p
}

// left returns about how many members come after the position; -1 if it is not known.
func (p position) left(g *v1alpha1.CloudSSOGroup) int64 {
	if g.Status.Members == nil {
		return -1
	}
	return max(0, int64(*g.Status.Members)-int64(p.Read))
}

// membersAt returns the names of the members from a position on, of one list, and the next position; nil after the last.
func (r *request) membersAt(g *v1alpha1.CloudSSOGroup, p position, limit int) (names []v1alpha1.Member, next *position, err error) {
	if !p.InSlices && p.At >= len(g.Spec.Members) && g.Spec.Sliced {
		p.InSlices, p.At = true, 0
	}
	list, nextSlice := g.Spec.Members, ""
	if p.InSlices {
		if list, nextSlice, err = r.slice(r.Context(), g, p.Slice); err != nil {
			return nil, nil, err
		}
	}
	at := min(p.At, len(list))
	names = list[at:min(at+limit, len(list))]
	return names, p.after(len(names), len(list), nextSlice, g.Spec.Sliced), nil
}

// after returns the position behind a number of members in a list of a length; nil if no members follow. nextSlice is the API
// server's token of the slice after the list, if that is a slice.
func (p position) after(count, length int, nextSlice string, sliced bool) *position {
	next := p
	next.Read, next.At = p.Read+count, p.At+count
	switch {
	case next.At < length:
		return &next
	case p.InSlices && nextSlice != "":
		next.At, next.Slice = 0, nextSlice
		return &next
	case !p.InSlices && sliced:
		next.At, next.InSlices = 0, true
		return &next
	}
	return nil
}

// slice returns the members of the slice at a token of the API server, and the token of the next slice.
func (r *request) slice(ctx context.Context, g *v1alpha1.CloudSSOGroup, token string) (members []v1alpha1.Member, next string, err error) {
	var page v1alpha1.CloudSSOMembershipSliceList
	err = r.Client.List(ctx, &page, client.InNamespace(g.Namespace), client.MatchingFields{membership.GroupField: g.Name}, client.Limit(1), client.Continue(token))
	for i := range page.Items {
		if policy.SourceOf(&page.Items[i]) == policy.SourceOf(g) { // a slice of the other source has no effect
			members = append(members, page.Items[i].Spec.Members...)
		}
	}
	return members, page.Continue, err
}

// readMembers reads the users of a page.
func (r *request) readMembers(ctx context.Context, namespace string, names []v1alpha1.Member) ([]member, error) {
	members := make([]member, len(names))
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(parallelReads)
	for i, m := range names {
		readers.Go(func() error {
			u := &v1alpha1.CloudSSOUser{}
			err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: m.Name}, u)
			switch {
			case apierrors.IsNotFound(err):
				members[i] = member{Name: m.Name, Without: text("member.absent")}
				return nil
			case err != nil:
				return err
			}
			members[i] = memberOf(u)
			return nil
		})
	}
	return members, readers.Wait()
}

// memberOf returns a user as a member, with the reason why it has no effect.
func memberOf(u *v1alpha1.CloudSSOUser) member {
	isConflict := u.Status.State == v1alpha1.UserConflict
	m := member{Name: u.Name, User: u}
	switch {
	case policy.IsEffective(u, isConflict):
	case policy.IsTerminating(u):
		m.Without = text("member.terminating")
	default:
		m.Without = text("without." + policy.IneffectiveReason(u, isConflict, true))
	}
	return m
}

// readAssignments reads the assignments of the group, as many as a page shows, or the right that the person lacks to see them.
func (t *team) readAssignments(r *request) error {
	list := rightTo("list", assignmentResource)
	held, err := r.readRights(list)
	if t.MissingRight = held.Missing(list); err != nil || t.MissingRight != "" {
		return err
	}
	var page v1alpha1.CloudSSOAccessAssignmentList
	return plugin.EachPage(r.Context(), r.Client, &page, func() bool {
		for i := range page.Items {
			if a := &page.Items[i]; access.IsPrincipal(a, t.Group, plugin.IsSameUserName) {
				t.Assignments = append(t.Assignments, a.DeepCopy()) // a pointer into a page of the list would keep the whole page
			}
		}
		t.AreMore = len(t.Assignments) >= pageRows && page.Continue != ""
		return !t.AreMore
	}, client.InNamespace(t.Group.Namespace))
}
