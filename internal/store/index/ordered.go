package index

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// ordered holds objects by creation time, then id: the order of lists on every replica. A new object is appended, or
// sorted into those of its second. An informer's first list comes in another order, and is sorted at the next read.
type ordered[T client.Object] struct {
	objects  []T
	unsorted bool
}

func (l *ordered[T]) replace(old, e *Entry[T]) {
	was, is := old != nil && old.Listed, e != nil && e.Listed
	switch {
	case was && is && CompareAge(old.Object, e.Object) == 0:
		if i, found := l.find(old.Object); found {
			l.objects[i] = e.Object
		}
		return
	case was:
		if i, found := l.find(old.Object); found {
			l.objects = slices.Delete(l.objects, i, i+1)
		}
	}
	if is {
		l.add(e.Object)
	}
}

// sortedTail is how many of the newest objects a new one is sorted into at once: more than are created in a second.
const sortedTail = 4096

func (l *ordered[T]) add(o T) {
	n := len(l.objects)
	if l.unsorted || n == 0 || CompareAge(l.objects[n-1], o) < 0 {
		l.objects = append(l.objects, o)
		return
	}
	from := max(0, n-sortedTail)
	if CompareAge(l.objects[from], o) > 0 && from > 0 {
		l.objects, l.unsorted = append(l.objects, o), true
		return
	}
	at, _ := slices.BinarySearchFunc(l.objects[from:], o, CompareAge[T])
	l.objects = slices.Insert(l.objects, from+at, o)
}

func (l *ordered[T]) find(o T) (int, bool) {
	return slices.BinarySearchFunc(l.sorted(), o, CompareAge[T])
}

func (l *ordered[T]) sorted() []T {
	if l.unsorted {
		slices.SortFunc(l.objects, CompareAge[T])
		l.unsorted = false
	}
	return l.objects
}

// behind returns how many objects stand at a position or before it.
func behind[T client.Object](sorted []T, p scim.Position) int {
	byAge := scim.Order{}
	return sort.Search(len(sorted), func(i int) bool {
		at := scim.Position{Created: sorted[i].GetCreationTimestamp().Time, ID: sorted[i].GetName()}
		return byAge.Compare(at, p) > 0
	})
}

// CompareAge compares objects by creation time, then id.
func CompareAge[T client.Object](a, b T) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		strings.Compare(a.GetName(), b.GetName()),
	)
}
