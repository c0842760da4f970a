package index

import (
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// group is the kind of the tests: it has a name, an externalId and members.
type group = v1alpha1.CloudSSOGroup

// keysOf finds a group by its displayName. One of source Manual is not shown, and a sliced one is not live any more.
func keysOf(g *group) Keys {
	k := Keys{Name: g.Spec.DisplayName, ExternalID: g.Spec.ExternalID, Listed: g.Spec.Source != v1alpha1.SourceManual}
	if g.Spec.Sliced {
		k.FormerName, k.Name, k.Listed = k.Name, "", false
	}
	for _, m := range g.Spec.Members {
		k.Members = append(k.Members, m.Name)
	}
	return k
}

// newIndex returns an index of groups that were listed at a revision.
func newIndex(listed uint64) *Index[*group] {
	return New(keysOf, func(string) uint64 { return listed })
}

type option func(*group)

func newGroup(id string, revision int, options ...option) *group {
	g := &group{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: id, ResourceVersion: strconv.Itoa(revision)}}
	for _, o := range options {
		o(g)
	}
	return g
}

func inNamespace(namespace string) option { return func(g *group) { g.Namespace = namespace } }

func named(name string) option { return func(g *group) { g.Spec.DisplayName = name } }

func identified(externalID string) option { return func(g *group) { g.Spec.ExternalID = externalID } }

func hidden(g *group) { g.Spec.Source = v1alpha1.SourceManual }

func former(g *group) { g.Spec.Sliced = true }

func createdAt(second int64) option {
	return func(g *group) { g.CreationTimestamp = metav1.Unix(second, 0) }
}

func listing(members ...string) option {
	return func(g *group) {
		for _, m := range members {
			g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{Name: m})
		}
	}
}

func (x *Index[T]) addAll(all ...T) {
	for _, o := range all {
		x.OnAdd(o, false)
	}
}

// all returns every entry of every namespace.
func (x *Index[T]) all() (all []*Entry[T]) {
	for _, n := range x.namespaces {
		for _, e := range n.byID {
			all = append(all, e)
		}
	}
	return all
}

// ids returns the sorted ids of entries.
func ids(entries []*Entry[*group]) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.Object.Name
	}
	slices.Sort(all)
	return all
}

// page returns the ids of a page in its order.
func page(objects []*group, _ int) []string {
	all := make([]string, len(objects))
	for i, g := range objects {
		all[i] = g.Name
	}
	return all
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func atSecond(second int64) time.Time { return time.Unix(second, 0) }
