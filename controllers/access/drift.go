package access

import (
	"context"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// drift is how the bindings of a target differ from what was last planned or written.
type drift struct {
	vanished  map[int]bool    // bindings that are gone, or have lost their label
	malformed map[int]bool    // bindings whose role, labels, principal or kinds of subjects are not as declared
	foreign   map[string]bool // Kubernetes user names that were added
	gone      map[string]bool // Kubernetes user names that were removed
}

// observe compares the bindings of a target with what was last planned or written, and remembers them as they are.
func (p *pass) observe(t *target) {
	before, wasSeen := p.known.seen[t.name]
	now := map[int]observedBinding{}
	t.drift = drift{vanished: map[int]bool{}, malformed: map[int]bool{}, foreign: map[string]bool{}, gone: map[string]bool{}}
	for _, number := range t.view.Numbers() {
		is := observedBinding{t.view.ResourceVersion(number), t.view.Subjects(number)}
		now[number] = is
		was, found := before[number]
		isUnchanged := found && was.resourceVersion == is.resourceVersion
		if (p.isFull || !isUnchanged) && p.isMalformed(t, number) {
			t.drift.malformed[number] = true
		}
		if wasSeen && !isUnchanged {
			t.drift.compare(was.names, is.names)
		}
	}
	for number, was := range before {
		if _, found := now[number]; !found && len(was.names) > 0 {
			t.drift.vanished[number] = true
			t.drift.compare(was.names, nil)
		}
	}
	if p.known.seen == nil {
		p.known.seen = map[string]map[int]observedBinding{}
	}
	p.known.seen[t.name] = now
}

// compare adds the names that one list has and the other has not.
func (d *drift) compare(was, is []string) {
	if slices.Equal(was, is) {
		return
	}
	before, after := setOf(was...), setOf(is...)
	for name := range after {
		if !before[name] {
			d.foreign[name] = true
		}
	}
	for name := range before {
		if !after[name] {
			d.gone[name] = true
		}
	}
}

// isMalformed reports whether a binding differs from what is declared in anything but its users.
func (p *pass) isMalformed(t *target, number int) bool {
	binding, found := p.Bindings.Get(p.key, t.name, number)
	if !found {
		return false
	}
	names, onlyUsers := access.NamesOf(binding.Subjects)
	if !onlyUsers || len(setOf(names...)) != len(names) || binding.RoleRef != access.RoleRef(p.roleRef) {
		return true
	}
	declared := metav1.ObjectMeta{Labels: maps.Clone(binding.GetLabels()), Annotations: maps.Clone(binding.GetAnnotations())}
	p.origin.Write(&declared)
	return !maps.Equal(declared.Labels, binding.GetLabels()) || !maps.Equal(declared.Annotations, binding.GetAnnotations())
}

// hasOtherRole reports whether a binding is to another role than the declared one.
func (p *pass) hasOtherRole(t *target, number int) bool {
	binding, found := p.Bindings.Get(p.key, t.name, number)
	return found && binding.RoleRef != access.RoleRef(p.roleRef)
}

// distrustMissing reads the users live that should have the role, and that another writer has taken out of a binding: another
// replica may have revoked them already, for a reason that the cache does not show yet. A user who is not effective, or is no
// member any more, gets nothing, and is read again until the cache shows it too. If that cannot be read, the pass takes away, and
// adds nothing.
func (p *pass) distrustMissing(ctx context.Context) error {
	for _, t := range p.targets {
		p.known.missing = union(p.known.missing, t.drift.gone)
	}
	if p.situation.effect == withdraws || p.situation.isUnsettled() {
		return nil // because it is not known who should have the role
	}
	maps.DeleteFunc(p.known.missing, func(name string, _ bool) bool {
		isWanted, wasAsked := p.wanted[name]
		return !isWanted && (wasAsked || p.isFull) // so that the cache shows the reason
	})
	if p.situation.effect != grants {
		return nil // because nothing is added
	}
	suspects := map[string]grantee{}
	for name := range p.known.missing {
		if p.wanted[name] {
			suspects[name] = p.granteeOf(name)
		}
	}
	ineffective, err := p.findIneffective(ctx, p.key.Namespace, suspects)
	if err != nil {
		kept := *p.situation
		kept.effect = keeps
		p.situation = &kept
		return err
	}
	p.distrusted = setOf(ineffective...)
	for name := range suspects {
		if p.distrusted[name] {
			p.wanted[name] = false
		} else {
			delete(p.known.missing, name)
		}
	}
	return nil
}

// repaired returns what was repaired in the bindings of a target, for a message. What the change of a user or of the
// assignment has brought about is no drift.
func (p *pass) repaired(t *target) (all []string) {
	if !p.wasApplied {
		return nil
	}
	for _, number := range slices.Sorted(maps.Keys(t.drift.vanished)) {
		if len(t.changes[number]) > 0 {
			all = append(all, p.describe(t.name, number)+" was gone")
		}
	}
	for _, number := range slices.Sorted(maps.Keys(t.drift.malformed)) {
		all = append(all, p.describe(t.name, number)+" had another role, other labels or other subjects")
	}
	var foreign, gone controllerutil.FirstNames
	for _, name := range slices.Sorted(maps.Keys(t.drift.foreign)) {
		if !p.wanted[name] {
			foreign.Add(name, "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.drift.gone)) {
		if p.wanted[name] {
			gone.Add(name, "")
		}
	}
	if foreign.Len() > 0 {
		all = append(all, fmt.Sprintf("the bindings in %s had subjects that do not belong there: %s", place(t.name), &foreign))
	}
	if gone.Len() > 0 {
		all = append(all, fmt.Sprintf("the bindings in %s lacked subjects: %s", place(t.name), &gone))
	}
	return all
}

// place returns a target for a message.
func place(target string) string {
	if target == cluster {
		return "the cluster"
	}
	return "namespace " + target
}
