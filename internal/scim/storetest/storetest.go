// Package directorytest is the contract of scim.Store as tests: the one suite that every
// implementation passes.
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

// behaviour is one thing that a user of a Directory relies on.
type behaviour struct {
	says  string
	holds func(d *directory)
}

// Run runs the suite. fresh makes an empty directory, one for each behaviour; it may use t.Cleanup.
//
// Nothing is assumed of speed, of the form of ids, or of clocks, other than that the directory's is
// finer than one write for LastModified. Created may be as coarse as the store's.
func Run(t *testing.T, fresh func(t *testing.T) scim.Store) {
	for _, part := range []struct {
		about      string
		behaviours []behaviour
	}{
		{"resources", resources},
		{"names", names},
		{"leavers", leavers},
		{"members", members},
		{"changes", changes},
		{"lists", lists},
		{"filters", filters},
		{"races", races},
	} {
		t.Run(part.about, func(t *testing.T) {
			for _, b := range part.behaviours {
				t.Run(b.says, func(t *testing.T) { b.holds(&directory{Store: fresh(t), t: t}) })
			}
		})
	}
}

// directory is the Directory under test with the steps that tests are made of. A step that fails ends
// the test.
type directory struct {
	scim.Store
	t *testing.T
}

// user and group are the attributes that a test has to give.
func user(userName string) schema.Object {
	return schema.Object{}.With(schema.UserName, userName).With(schema.Active, true)
}

func group(displayName string) schema.Object {
	return schema.Object{}.With(schema.GroupDisplayName, displayName)
}

func left(o schema.Object) schema.Object { return o.With(schema.Active, false) }

func identified(o schema.Object, externalID string) schema.Object {
	return o.With(schema.ExternalID, externalID)
}

func (d *directory) created(rt *schema.ResourceType, attributes schema.Object, members ...string) *scim.Resource {
	d.t.Helper()
	r, err := d.Create(d.t.Context(), rt, attributes, members)
	d.must(err, "create")
	return r
}

func (d *directory) createdUser(attributes schema.Object) *scim.Resource {
	d.t.Helper()
	return d.created(schema.User, attributes)
}

// users creates users of these names and returns their ids.
func (d *directory) users(names ...string) []string {
	d.t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = d.createdUser(user(name)).ID
	}
	return ids
}

func (d *directory) got(rt *schema.ResourceType, id string) *scim.Resource {
	d.t.Helper()
	r, err := d.Get(d.t.Context(), rt, id, scim.Omit{})
	d.must(err, "get")
	return r
}

func (d *directory) updated(rt *schema.ResourceType, id string, change scim.Change) *scim.Resource {
	d.t.Helper()
	r, err := d.Update(d.t.Context(), rt, id, change)
	d.must(err, "update")
	return r
}

// set changes one attribute.
func (d *directory) set(r *scim.Resource, a *schema.Attribute, value any) *scim.Resource {
	d.t.Helper()
	return d.updated(r.Type, r.ID, with(a, value))
}

func (d *directory) deleted(r *scim.Resource) {
	d.t.Helper()
	d.must(d.Delete(d.t.Context(), r.Type, r.ID, nil), "delete")
}

func (d *directory) listed(rt *schema.ResourceType, query scim.Query) *scim.Page {
	d.t.Helper()
	page, err := d.List(d.t.Context(), rt, query)
	d.must(err, "list")
	return page
}

// all is a query for everything.
var all = scim.Query{StartIndex: 1, Count: 1000}

// found are the ids of the resources that match a filter.
func (d *directory) found(rt *schema.ResourceType, expression string) []string {
	d.t.Helper()
	query := all
	query.Filter = d.filter(rt, expression)
	page := d.listed(rt, query)
	if page.Total != len(page.Resources) {
		d.t.Errorf("%s: total is %d, but %d were returned", expression, page.Total, len(page.Resources))
	}
	return ids(page.Resources)
}

func (d *directory) filter(rt *schema.ResourceType, expression string) filter.Filter {
	d.t.Helper()
	f, err := filter.Parse(rt, expression)
	d.must(err, expression)
	return f
}

// members are the ids of a group's members, sorted.
func (d *directory) members(groupID string) []string {
	d.t.Helper()
	return memberIDs(d.got(schema.Group, groupID))
}

func (d *directory) must(err error, what string) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

// refused ends the test unless err is an error for the client of that status.
func (d *directory) refused(err error, status int) {
	d.t.Helper()
	if got := statusOf(err); got != status {
		d.t.Fatalf("status %d (%v), want %d", got, err, status)
	}
	if answer := new(scim.Error); errors.As(err, &answer) && status == http.StatusConflict && answer.Type != scim.Uniqueness {
		d.t.Errorf("a 409 has scimType %q, want %q", answer.Type, scim.Uniqueness)
	}
}

// statusOf is the status that the client is told: 200 for no error, 500 for one that is not for it.
func statusOf(err error) int {
	var answer *scim.Error
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &answer):
		return answer.Status
	}
	return http.StatusInternalServerError
}

// same reports an error unless both are the same resource in the same state.
func (d *directory) same(got, want *scim.Resource) {
	d.t.Helper()
	if got.ID != want.ID || got.Type != want.Type {
		d.t.Fatalf("got %s %s, want %s %s", got.Type.Name, got.ID, want.Type.Name, want.ID)
	}
	if !got.Created.Equal(want.Created) || !got.LastModified.Equal(want.LastModified) {
		d.t.Errorf("%s was created %v and modified %v, want %v and %v", got.ID, got.Created, got.LastModified, want.Created, want.LastModified)
	}
	d.holds(got, want.Attributes)
	d.equal(memberIDs(got), memberIDs(want), "members")
	d.equal(groupIDs(got), groupIDs(want), "groups")
}

// holds reports an error unless the resource has these attributes and no others.
func (d *directory) holds(r *scim.Resource, want schema.Object) {
	d.t.Helper()
	if !schema.Equal(r.Attributes, want) {
		d.t.Errorf("%s has the attributes %v, want %v", r.ID, r.Attributes, want)
	}
}

func (d *directory) equal(got, want []string, what string) {
	d.t.Helper()
	if !slices.Equal(got, want) {
		d.t.Errorf("%s: got %q, want %q", what, got, want)
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

// with is the change of one attribute.
func with(a *schema.Attribute, value any) scim.Change {
	return scim.Change{Attributes: func(current schema.Object) (schema.Object, error) { return current.With(a, value), nil }}
}

func add(ids ...string) scim.MemberChange { return scim.MemberChange{Op: scim.AddMembers, IDs: ids} }

func remove(ids ...string) scim.MemberChange {
	return scim.MemberChange{Op: scim.RemoveMembers, IDs: ids}
}

func replace(ids ...string) scim.MemberChange {
	return scim.MemberChange{Op: scim.ReplaceMembers, IDs: ids}
}

func match(selects func(scim.Reference) bool) scim.MemberChange {
	return scim.MemberChange{Op: scim.RemoveMembers, Match: selects}
}

func changing(changes ...scim.MemberChange) scim.Change { return scim.Change{Members: changes} }
