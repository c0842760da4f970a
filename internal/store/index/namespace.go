package index

import (
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// namespaceIndex is the part of an Index that is one namespace.
type namespaceIndex[T client.Object] struct {
	byID         map[string]*Entry[T]
	byName       multimap[*Entry[T]]
	byFormerName multimap[*Entry[T]]
	byExternalID multimap[*Entry[T]]
	byMember     multimap[string] // ids of the objects that list a member
	listed       ordered[T]
	trimmed      int // number of trimmed objects
}

func newNamespaceIndex[T client.Object]() *namespaceIndex[T] {
	return &namespaceIndex[T]{
		byID:         map[string]*Entry[T]{},
		byName:       newMultimap[*Entry[T]](),
		byFormerName: newMultimap[*Entry[T]](),
		byExternalID: newMultimap[*Entry[T]](),
		byMember:     newMultimap[string](),
	}
}

// replace puts e in the place of old; either may be nil.
func (n *namespaceIndex[T]) replace(old, e *Entry[T]) {
	n.moveMemberships(old, e)
	if old != nil {
		delete(n.byID, old.Object.GetName())
		n.countTrimmed(old, -1)
		n.byName.remove(old.Name, old)
		n.byFormerName.remove(old.FormerName, old)
		n.byExternalID.remove(old.ExternalID, old)
	}
	if e != nil {
		n.byID[e.Object.GetName()] = e
		n.countTrimmed(e, 1)
		n.byName.add(e.Name, e)
		n.byFormerName.add(e.FormerName, e)
		n.byExternalID.add(e.ExternalID, e)
	}
	n.listed.replace(old, e)
}

func (n *namespaceIndex[T]) countTrimmed(e *Entry[T], change int) {
	if e.Trimmed {
		n.trimmed += change
	}
}

// placesOf returns the places in the list of the ids that are in it, in order.
func (n *namespaceIndex[T]) placesOf(ids map[string]bool) (places []int) {
	for id := range ids {
		if e := n.byID[id]; e != nil && e.Listed {
			if i, found := n.listed.find(e.Object); found {
				places = append(places, i)
			}
		}
	}
	slices.Sort(places)
	return places
}

func (n *namespaceIndex[T]) moveMemberships(old, e *Entry[T]) {
	var before, after []string
	var id string
	if old != nil {
		before, id = old.Members, old.Object.GetName()
	}
	if e != nil {
		after, id = e.Members, e.Object.GetName()
	}
	if slices.Equal(before, after) {
		return
	}
	id = strings.Clone(id) // it must not keep the object in memory that it came from
	stays := make(map[string]bool, len(before))
	for _, m := range before {
		stays[m] = false
	}
	for _, m := range after {
		if _, listed := stays[m]; !listed {
			n.byMember.add(m, id)
		}
		stays[m] = true
	}
	for _, m := range before {
		if !stays[m] {
			n.byMember.remove(m, id)
		}
	}
}
