package pages

import (
	"context"
	"strconv"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// team is the page of a group.
type team struct {
	Group   *v1alpha1.CloudSSOGroup
	Members []member
	// Part and At are where the next members are: in which list, and from which of its members on. At is -1 after the last.
	Part string
	At   int
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
	// parallelReads is how many users are read at a time: few, because others use the API server too.
	parallelReads = 8
)

func (c *console) group(r *request) (*view, error) {
	g := &v1alpha1.CloudSSOGroup{}
	if err := r.Client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace(), Name: r.PathValue("name")}, g); err != nil {
		return nil, err
	}
	t := team{Group: g}
	names, err := r.membersAt(g, &t)
	if err != nil {
		return nil, err
	}
	if t.Members, err = r.readMembers(r.Context(), g.Namespace, names); err != nil {
		return nil, err
	}
	return &view{Title: g.Spec.DisplayName, template: "group", Data: t}, nil
}

// membersAt returns the names of a page of members, and sets where the next page begins. The parts are the group's own list, and
// then each of its slices.
func (r *request) membersAt(g *v1alpha1.CloudSSOGroup, t *team) (names []v1alpha1.Member, err error) {
	query := r.URL.Query()
	at, _ := strconv.Atoi(query.Get("at")) // 0 without a number
	list, next := g.Spec.Members, ""
	if part := query.Get("part"); part != "" || at == 0 && len(list) == 0 {
		if list, next, err = r.slice(r.Context(), g, part); err != nil {
			return nil, err
		}
		t.Part = part
	}
	at = min(max(at, 0), len(list))
	names = list[at:min(at+pageMembers, len(list))]
	switch t.At = at + len(names); {
	case t.At < len(list):
	case g.Spec.Sliced && (next != "" || query.Get("part") == "" && len(g.Spec.Members) > 0):
		t.Part, t.At = next, 0
	default:
		t.At = -1
	}
	return names, nil
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
			isConflict := u.Status.State == v1alpha1.UserConflict
			members[i] = member{Name: m.Name, User: u}
			if !policy.IsEffective(u, isConflict) {
				members[i].Without = policy.IneffectiveReason(u, isConflict, false)
			}
			return nil
		})
	}
	return members, readers.Wait()
}
