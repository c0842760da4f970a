package pages

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// groupQuery is what the page of groups is asked for.
type groupQuery struct {
	Text   string
	Source v1alpha1.Source
}

// isPlain reports whether every group is a hit, so that a page of the list is a page of hits.
func (q groupQuery) isPlain() bool { return q.Text == "" }

// isOf reports whether a group has the source.
func (q groupQuery) isOf(g *v1alpha1.CloudSSOGroup) bool {
	return q.Source == "" || g.Spec.Source == q.Source
}

// selects reports whether a group is a hit.
func (q groupQuery) selects(g *v1alpha1.CloudSSOGroup) bool {
	return q.isOf(g) && (q.Text == "" || contains(q.Text, g.Spec.DisplayName, g.Spec.ExternalID, g.Name))
}

// groupList is the page of groups.
type groupList struct {
	Query   groupQuery
	Sources []v1alpha1.Source
	// Exact are the groups whose displayName, externalId or metadata.name is the text; nil if there is none to look for.
	Exact *exactHits[*v1alpha1.CloudSSOGroup]
	Rows  chunk[*v1alpha1.CloudSSOGroup]
}

func groupQueryOf(r *request) groupQuery {
	v := r.URL.Query()
	return groupQuery{strings.TrimSpace(v.Get("q")), v1alpha1.Source(v.Get("source"))}
}

// groups is the page of groups: the first rows; of a search, the group that has the text as its name, and the page asks for the rest.
func (c *console) groups(r *request) (*view, error) {
	query := groupQueryOf(r)
	list := groupList{Query: query, Sources: sources}
	v := &view{Title: text("groups.title"), template: "groups"}
	var err error
	list.Exact, list.Rows, err = answerSearch(r, query.Text, r.exactGroups(query), func() (chunk[*v1alpha1.CloudSSOGroup], error) { return r.readGroups(query) })
	v.Data = list
	return v, err
}

// groupRows is the next part of the list, or of the groups that the text names, for the page that has the parts before.
func (c *console) groupRows(r *request) (*view, error) {
	query := groupQueryOf(r)
	if r.URL.Query().Has(exactParameter) {
		exact, err := r.exactGroups(query).later(r)
		return &view{template: "groups", part: "exact", Data: groupList{Query: query, Exact: exact}}, err
	}
	rows, err := r.readGroups(query)
	return &view{template: "groups", part: "rows", Data: groupList{Query: query, Rows: rows}}, err
}

func (r *request) readGroups(query groupQuery) (chunk[*v1alpha1.CloudSSOGroup], error) {
	var page v1alpha1.CloudSSOGroupList
	return readChunk(r, &page, query.isPlain(), func() (hits []*v1alpha1.CloudSSOGroup) {
		for i := range page.Items {
			if query.selects(&page.Items[i]) {
				hits = append(hits, &page.Items[i])
			}
		}
		return hits
	}, searchOptions(r, query.isPlain(), query.Source)...)
}

// exactGroups looks for the groups that a text names: by displayName in any spelling, or by metadata.name; by externalId.
func (r *request) exactGroups(query groupQuery) exactSearch[*v1alpha1.CloudSSOGroup] {
	holder := func(ctx context.Context) ([]*v1alpha1.CloudSSOGroup, error) {
		g, err := plugin.HolderOfDisplayName(ctx, r.Client, r.namespace(), query.Text)
		if g == nil {
			return nil, err
		}
		return []*v1alpha1.CloudSSOGroup{g}, err
	}
	sameID := func(ctx context.Context) (groups []*v1alpha1.CloudSSOGroup, err error) {
		var same v1alpha1.CloudSSOGroupList
		wanted := client.MatchingFields{"spec.externalId": query.Text}
		err = r.Client.List(ctx, &same, client.InNamespace(r.namespace()), wanted, client.Limit(pageRows))
		for i := range same.Items {
			groups = append(groups, &same.Items[i])
		}
		return groups, err
	}
	return exactSearch[*v1alpha1.CloudSSOGroup]{
		isWanted: query.isOf, byName: holder, looking: text("groups.looking"),
		bySelector: []way[*v1alpha1.CloudSSOGroup]{sameID},
	}
}

// readyText returns whether a group is in effect as declared, or why not.
func readyText(g *v1alpha1.CloudSSOGroup) string {
	if meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionReady) {
		return text("condition.True")
	}
	return conditionText(g.Status.Conditions, v1alpha1.ConditionReady)
}
