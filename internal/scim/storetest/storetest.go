// Package storetest is the contract of scim.Store as tests. Every implementation passes this one suite.
package storetest

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// behaviour is one promise of the Store interface, and its test.
type behaviour struct {
	says  string
	holds func(s *store)
}

// Run runs the suite. newStore returns an empty store, one for each behaviour, and may use t.Cleanup.
//
// The suite assumes nothing about speed, about the form of ids, or about clocks, except that LastModified
// differs between two writes. Created may be coarser.
func Run(t *testing.T, newStore func(t *testing.T) scim.Store) {
	for _, part := range []struct {
		about      string
		behaviours []behaviour
	}{
		{"resources", resources},
		{"names", names},
		{"restorations", restorations},
		{"members", members},
		{"changes", changes},
		{"effects", effects},
		{"lists", lists},
		{"filters", filters},
		{"races", races},
	} {
		t.Run(part.about, func(t *testing.T) {
			for _, b := range part.behaviours {
				t.Run(b.says, func(t *testing.T) { b.holds(&store{Store: newStore(t), t: t}) })
			}
		})
	}
}

// store is the Store under test, with the steps of which tests are made. A step that fails ends the test.
type store struct {
	scim.Store
	t *testing.T
}

// user returns the attributes of a user with that userName.
func user(userName string) schema.Object {
	return schema.Object{}.With(schema.UserName, userName).With(schema.Active, true)
}

// group returns the attributes of a group with that displayName.
func group(displayName string) schema.Object {
	return schema.Object{}.With(schema.GroupDisplayName, displayName)
}

func inactive(o schema.Object) schema.Object { return o.With(schema.Active, false) }

func withExternalID(o schema.Object, externalID string) schema.Object {
	return o.With(schema.ExternalID, externalID)
}

func (s *store) created(rt *schema.ResourceType, attributes schema.Object, members ...string) *scim.Resource {
	s.t.Helper()
	r, err := s.Create(s.t.Context(), rt, attributes, members)
	s.must(err, "create")
	return r
}

func (s *store) createdUser(attributes schema.Object) *scim.Resource {
	s.t.Helper()
	return s.created(schema.User, attributes)
}

// users creates users with these names and returns their ids.
func (s *store) users(names ...string) []string {
	s.t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = s.createdUser(user(name)).ID
	}
	return ids
}

func (s *store) got(rt *schema.ResourceType, id string) *scim.Resource {
	s.t.Helper()
	r, err := s.Get(s.t.Context(), rt, id, scim.Omit{})
	s.must(err, "get")
	return r
}

func (s *store) updated(rt *schema.ResourceType, id string, change scim.Change) *scim.Resource {
	s.t.Helper()
	r, err := s.Update(s.t.Context(), rt, id, change)
	s.must(err, "update")
	return r
}

// set changes one attribute.
func (s *store) set(r *scim.Resource, a *schema.Attribute, value any) *scim.Resource {
	s.t.Helper()
	return s.updated(r.Type, r.ID, changeAttribute(a, value))
}

func (s *store) deleted(r *scim.Resource) {
	s.t.Helper()
	_, err := s.Delete(s.t.Context(), r.Type, r.ID, nil)
	s.must(err, "delete")
}

func (s *store) listed(rt *schema.ResourceType, query scim.Query) *scim.Page {
	s.t.Helper()
	page, err := s.List(s.t.Context(), rt, query)
	s.must(err, "list")
	return page
}

// all is a query for all resources.
var all = scim.Query{StartIndex: 1, Count: 1000}

// findIDs returns the ids of the resources that match a filter.
func (s *store) findIDs(rt *schema.ResourceType, expression string) []string {
	s.t.Helper()
	query := all
	query.Filter = s.parseFilter(rt, expression)
	page := s.listed(rt, query)
	if page.Total != len(page.Resources) {
		s.t.Errorf("%s: total is %d, but %d were returned", expression, page.Total, len(page.Resources))
	}
	return ids(page.Resources)
}

func (s *store) parseFilter(rt *schema.ResourceType, expression string) filter.Filter {
	s.t.Helper()
	f, err := filter.Parse(rt, expression)
	s.must(err, expression)
	return f
}

// members returns the ids of a group's members, sorted.
func (s *store) members(groupID string) []string {
	s.t.Helper()
	return memberIDs(s.got(schema.Group, groupID))
}

func (s *store) must(err error, what string) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// refused ends the test unless err is an error for the client with that status.
func (s *store) refused(err error, status int) {
	s.t.Helper()
	if got := statusOf(err); got != status {
		s.t.Fatalf("status %d (%v), want %d", got, err, status)
	}
	if scimErr := new(scim.Error); errors.As(err, &scimErr) && status == http.StatusConflict && scimErr.Type != scim.Uniqueness {
		s.t.Errorf("a 409 has scimType %q, want %q", scimErr.Type, scim.Uniqueness)
	}
}

// statusOf returns the status that the client gets: 200 without an error, and 500 for an error that is not for
// the client.
func statusOf(err error) int {
	var scimErr *scim.Error
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &scimErr):
		return scimErr.Status
	}
	return http.StatusInternalServerError
}

// same fails unless both are the same resource in the same state.
func (s *store) same(got, want *scim.Resource) {
	s.t.Helper()
	if got.ID != want.ID || got.Type != want.Type {
		s.t.Fatalf("got %s %s, want %s %s", got.Type.Name, got.ID, want.Type.Name, want.ID)
	}
	if !got.Created.Equal(want.Created) || !got.LastModified.Equal(want.LastModified) {
		s.t.Errorf("%s was created %v and modified %v, want %v and %v", got.ID, got.Created, got.LastModified, want.Created, want.LastModified)
	}
	s.holds(got, want.Attributes)
	s.equal(memberIDs(got), memberIDs(want), "members")
	s.equal(groupIDs(got), groupIDs(want), "groups")
}

// holds fails unless the resource has exactly these attributes.
func (s *store) holds(r *scim.Resource, want schema.Object) {
	s.t.Helper()
	if !schema.Equal(r.Attributes, want) {
		s.t.Errorf("%s has the attributes %v, want %v", r.ID, r.Attributes, want)
	}
}

func (s *store) equal(got, want []string, what string) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func memberIDs(r *scim.Resource) []string {
	if r.Members == nil {
		return nil
	}
	return sortedValues(slices.Collect(r.Members))
}

func groupIDs(r *scim.Resource) []string {
	if r.Groups == nil {
		return nil
	}
	return sortedValues(slices.Collect(r.Groups))
}

func sortedValues(references []scim.Reference) []string {
	var values []string
	for _, r := range references {
		values = append(values, r.Value)
	}
	return sorted(values...)
}

func sorted(ids ...string) []string { return slices.Sorted(slices.Values(ids)) }

func ids(resources []*scim.Resource) []string {
	var ids []string
	for _, r := range resources {
		ids = append(ids, r.ID)
	}
	return ids
}

// changeAttribute returns the change of one attribute.
func changeAttribute(a *schema.Attribute, value any) scim.Change {
	return scim.Change{Attributes: func(current schema.Object) (schema.Object, error) { return current.With(a, value), nil }}
}

func addMembers(ids ...string) scim.MemberChange {
	return scim.MemberChange{Op: scim.AddMembers, IDs: ids}
}

func removeMembers(ids ...string) scim.MemberChange {
	return scim.MemberChange{Op: scim.RemoveMembers, IDs: ids}
}

func replaceMembers(ids ...string) scim.MemberChange {
	return scim.MemberChange{Op: scim.ReplaceMembers, IDs: ids}
}

func removeMatching(selects func(scim.Reference) bool) scim.MemberChange {
	return removeMatchingOrFail(func(r scim.Reference) (bool, error) { return selects(r), nil })
}

func removeMatchingOrFail(selects func(scim.Reference) (bool, error)) scim.MemberChange {
	return scim.MemberChange{Op: scim.RemoveMembers, Match: selects}
}

func changeMembers(changes ...scim.MemberChange) scim.Change { return scim.Change{Members: changes} }
