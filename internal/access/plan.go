package access

import (
	"maps"
	"slices"
)

// View is the bindings of one assignment in one namespace, or in the cluster, as they are.
type View interface {
	// Numbers returns the numbers of the bindings, ascending.
	Numbers() []int
	// Subjects returns the Kubernetes user names that a binding has.
	Subjects(number int) []string
	// Holding returns the numbers of the bindings that have a Kubernetes user name, ascending: more than one only after an
	// edit by hand.
	Holding(name string) []int
}

// Plan returns which subjects the bindings must have that are to be written, by their numbers; none means that the binding
// is deleted. wanted says of Kubernetes user names whether they have the role. A name that is not in it stays as it is, or
// has not the role if wanted is complete. A binding that is as it should be is not written.
func Plan(view View, wanted map[string]bool, complete bool) map[int][]string {
	p := plan{view: view, changed: map[int][]string{}}
	if complete {
		for _, number := range view.Numbers() {
			seen := map[string]bool{}
			p.keepOnly(number, func(name string) bool {
				again := seen[name]
				seen[name] = true
				return wanted[name] && !again
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		p.settle(name, wanted[name])
	}
	return p.changed
}

// plan is a Plan that is being made.
type plan struct {
	view    View
	changed map[int][]string
	next    int // no binding before the next-th of the numbers has room
	last    int // the number after the greatest that was taken for a new binding
}

func (p *plan) subjects(number int) []string {
	if changed, there := p.changed[number]; there {
		return changed
	}
	return p.view.Subjects(number)
}

// keepOnly takes names out of a binding.
func (p *plan) keepOnly(number int, keep func(string) bool) {
	before := p.subjects(number)
	if after := filter(before, keep); len(after) != len(before) {
		p.changed[number] = after
	}
}

// settle leaves a name in exactly one binding, or in none.
func (p *plan) settle(name string, wanted bool) {
	holding := p.view.Holding(name)
	if wanted && len(holding) > 0 {
		holding = holding[1:]
	} else if wanted {
		p.add(name)
	}
	for _, number := range holding {
		p.keepOnly(number, func(other string) bool { return other != name })
	}
}

// add puts a name into the first binding that has room, or into a new one.
func (p *plan) add(name string) {
	numbers := p.view.Numbers()
	for ; p.next < len(numbers); p.next++ {
		if number := numbers[p.next]; len(p.subjects(number)) < MaxSubjects {
			p.changed[number] = append(slices.Clone(p.subjects(number)), name)
			return
		}
	}
	if p.last == 0 && len(numbers) > 0 {
		p.last = numbers[len(numbers)-1] + 1
	}
	if len(p.changed[p.last]) == MaxSubjects {
		p.last++
	}
	p.changed[p.last] = append(p.changed[p.last], name)
}
