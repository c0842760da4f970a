package plugin

import (
	"slices"
	"testing"
)

func TestPartsOfAReviewFollowEachOther(t *testing.T) {
	for name, test := range map[string]struct {
		query GrantQuery
		want  []string
	}{
		"everything":    {GrantQuery{}, []string{"namespaces:page", "cluster:", "cluster:page", ""}},
		"one namespace": {GrantQuery{Namespace: "dev"}, []string{"namespaces:page", ""}},
		"the cluster":   {GrantQuery{InCluster: true}, []string{"cluster:page", ""}},
	} {
		r := GrantReader{Query: test.query}
		var got []string
		for _, part := range test.query.parts() {
			got = append(got, r.following(part, "page"), r.following(part, "")) // two pages in each part
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
