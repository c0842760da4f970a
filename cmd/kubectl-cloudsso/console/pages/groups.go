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

// groupList is the page of groups.
type groupList struct {
	Query   groupQuery
	Sources []v1alpha1.Source
	// Exact are the groups whose displayName, externalId or metadata.name is the text.
	Exact []*v1alpha1.CloudSSOGroup
	Rows  chunk[*v1alpha1.CloudSSOGroup]
}

func groupQueryOf(r *request) groupQuery {
	v := r.URL.Query()
	return groupQuery{strings.TrimSpace(v.Get("q")), v1alpha1.Source(v.Get("source"))}
}

// groups is the page of groups: the first rows, and the exact matches of a text.
func (c *console) groups(r *request) (*view, error) {
	query := groupQueryOf(r)
	list := groupList{Query: query, Sources: sources}
	var err error
	if query.Text != "" {
		if list.Exact, err = r.exactGroups(r.Context(), r.namespace(), query.Text); err != nil {
			return nil, err
		}
	}
	if list.Rows, err = r.readGroups(query); err != nil {
		return nil, err
	}
	return &view{Title: text("groups.title"), template: "groups", Data: list}, nil
}

// groupRows is the next part of the list, for the page that has the part before.
func (c *console) groupRows(r *request) (*view, error) {
	query := groupQueryOf(r)
	rows, err := r.readGroups(query)
	if err != nil {
		return nil, err
	}
	return &view{template: "groups", part: "rows", Data: groupList{Query: query, Rows: rows}}, nil
}

func (r *request) readGroups(query groupQuery) (chunk[*v1alpha1.CloudSSOGroup], error) {
	var page v1alpha1.CloudSSOGroupList
	return readChunk(r, &page, query.Text == "", func() (hits []*v1alpha1.CloudSSOGroup) {
		for i := range page.Items {
			g := &page.Items[i]
			if query.Text == "" || contains(query.Text, g.Spec.DisplayName, g.Spec.ExternalID, g.Name) {
				hits = append(hits, g)
			}
		}
		return hits
	}, listOptions(r, query.Source)...)
}

// exactGroups returns the groups that a text names: by displayName in any spelling, or by metadata.name; by externalId.
func (r *request) exactGroups(ctx context.Context, namespace, wanted string) (groups []*v1alpha1.CloudSSOGroup, err error) {
	holder, err := plugin.HolderOfDisplayName(ctx, r.Client, namespace, wanted)
	if err != nil {
		return nil, err
	}
	if holder != nil {
		groups = append(groups, holder)
	}
	var same v1alpha1.CloudSSOGroupList
	if err := r.Client.List(ctx, &same, client.InNamespace(namespace), client.MatchingFields{"spec.externalId": wanted}, client.Limit(pageRows)); err != nil {
		return nil, err
	}
	for i := range same.Items {
		groups = append(groups, &same.Items[i])
	}
	return uniqueByName(groups), nil
}

// readyText returns whether a group is in effect as declared, or why not.
func readyText(g *v1alpha1.CloudSSOGroup) string {
	if meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionReady) {
		return text("condition.True")
	}
	return conditionText(g.Status.Conditions, v1alpha1.ConditionReady)
}
