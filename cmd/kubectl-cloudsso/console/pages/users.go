package pages

import (
	"context"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// userQuery is what the page of users is asked for.
type userQuery struct {
	Text   string
	State  v1alpha1.UserState
	Source v1alpha1.Source
}

// isPlain reports whether every user is a hit, so that a page of the list is a page of hits.
func (q userQuery) isPlain() bool { return q.Text == "" && q.State == "" }

// isOf reports whether a user has the state and the source.
func (q userQuery) isOf(u *v1alpha1.CloudSSOUser) bool {
	return (q.State == "" || stateOf(u) == q.State) && (q.Source == "" || u.Spec.Source == q.Source)
}

// selects reports whether a user is a hit.
func (q userQuery) selects(u *v1alpha1.CloudSSOUser) bool {
	return q.isOf(u) && (q.Text == "" || contains(q.Text, u.Spec.UserName, u.Spec.DisplayName, u.Spec.ExternalID, u.Name, firstEmail(u)))
}

// contains reports whether one of the values has the text, in any case.
func contains(wanted string, values ...string) bool {
	wanted = strings.ToLower(wanted)
	for _, value := range values {
		if strings.Contains(strings.ToLower(value), wanted) {
			return true
		}
	}
	return false
}

func firstEmail(u *v1alpha1.CloudSSOUser) string {
	if len(u.Spec.Emails) == 0 {
		return ""
	}
	return u.Spec.Emails[0].Value
}

func stateOf(u *v1alpha1.CloudSSOUser) v1alpha1.UserState {
	return policy.UserState(u, u.Status.State == v1alpha1.UserConflict)
}

// userList is the page of users.
type userList struct {
	Query   userQuery
	States  []v1alpha1.UserState
	Sources []v1alpha1.Source
	// Exact are the users whose userName, externalId, displayName or metadata.name is the text; nil if there is none to look for.
	Exact *exactHits[*v1alpha1.CloudSSOUser]
	Rows  chunk[*v1alpha1.CloudSSOUser]
}

// States are what users can be filtered by.
var states = []v1alpha1.UserState{
	v1alpha1.UserActive, v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserConflict, v1alpha1.UserDeprovisioned,
}

var sources = []v1alpha1.Source{v1alpha1.SourceSCIM, v1alpha1.SourceManual}

func userQueryOf(r *request) userQuery {
	v := r.URL.Query()
	return userQuery{strings.TrimSpace(v.Get("q")), v1alpha1.UserState(v.Get("state")), v1alpha1.Source(v.Get("source"))}
}

// users is the page of users: the first rows; of a search, the user that has the text as its name, and the page asks for the rest.
func (c *console) users(r *request) (*view, error) {
	query := userQueryOf(r)
	list := userList{Query: query, States: states, Sources: sources}
	v := &view{Title: text("users.title"), template: "users"}
	var err error
	list.Exact, list.Rows, err = answerSearch(r, query.Text, r.exactUsers(query), func() (chunk[*v1alpha1.CloudSSOUser], error) { return r.readUsers(query) })
	v.Data = list
	return v, err
}

// userRows is the next part of the list, or of the users that the text names, for the page that has the parts before.
func (c *console) userRows(r *request) (*view, error) {
	query := userQueryOf(r)
	if r.URL.Query().Has(exactParameter) {
		exact, err := r.exactUsers(query).later(r)
		return &view{template: "users", part: "exact", Data: userList{Query: query, Exact: exact}}, err
	}
	rows, err := r.readUsers(query)
	return &view{template: "users", part: "rows", Data: userList{Query: query, Rows: rows}}, err
}

func (r *request) readUsers(query userQuery) (chunk[*v1alpha1.CloudSSOUser], error) {
	var page v1alpha1.CloudSSOUserList
	return readChunk(r, &page, query.isPlain(), func() (hits []*v1alpha1.CloudSSOUser) {
		for i := range page.Items {
			if query.selects(&page.Items[i]) {
				hits = append(hits, &page.Items[i])
			}
		}
		return hits
	}, searchOptions(r, query.isPlain(), query.Source)...)
}

// exactUsers looks for the users that a text names: by userName in any spelling, or by metadata.name; by externalId; by displayName.
func (r *request) exactUsers(query userQuery) exactSearch[*v1alpha1.CloudSSOUser] {
	holder := func(ctx context.Context) ([]*v1alpha1.CloudSSOUser, error) {
		u, err := plugin.HolderOfUserName(ctx, r.Client, r.namespace(), query.Text)
		if u == nil {
			return nil, err
		}
		return []*v1alpha1.CloudSSOUser{u}, err
	}
	return exactSearch[*v1alpha1.CloudSSOUser]{
		isWanted: query.isOf, byName: holder, looking: text("users.looking"),
		bySelector: []way[*v1alpha1.CloudSSOUser]{r.usersWith("spec.externalId", query.Text), r.usersWith("spec.displayName", query.Text)},
	}
}

// usersWith returns a function that reads the users with a value of a field.
func (r *request) usersWith(field, value string) way[*v1alpha1.CloudSSOUser] {
	return func(ctx context.Context) (users []*v1alpha1.CloudSSOUser, err error) {
		var same v1alpha1.CloudSSOUserList
		err = r.Client.List(ctx, &same, client.InNamespace(r.namespace()), client.MatchingFields{field: value}, client.Limit(pageRows))
		for i := range same.Items {
			users = append(users, &same.Items[i])
		}
		return users, err
	}
}
