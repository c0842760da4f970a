package access

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
)

// pass makes the bindings of one assignment fit its situation.
type pass struct {
	*Reconciler
	key       types.NamespacedName
	roleRef   v1alpha1.AccessRoleRef
	origin    access.Origin
	situation *situation
	roster    *roster
	known     *remembered

	wasApplied bool // the bindings were last made to fit this very situation
	isFull     bool
	asked      map[string]bool // the Kubernetes user names to look at in every target, unless it is a full pass
	wanted     map[string]bool
	distrusted map[string]bool // those of wanted that another writer has taken out, and that are not effective
	targets    []*target
}

// target is the bindings of one target during a pass.
type target struct {
	name     string
	view     *bindings.View
	isWanted bool
	drift    drift
	changes  map[int][]string
}

// result is what a pass has done.
type result struct {
	isIncomplete  bool            // another pass has to follow at once
	isOvertaken   bool            // a write was a conflict
	isRemovalLeft bool            // a write that only takes away has failed
	refused       string          // what the API server says to a binding that it refuses
	distrusted    map[string]bool // Kubernetes user names that the cache still says should have the role, and that must not have it
	repaired      []string
	err           error
}

// project writes the bindings of an assignment that are not as they should be: those of the users and Kubernetes user names
// of w, or all.
func (r *Reconciler) project(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster, w work) (result, error) {
	p := r.newPass(a, s, list)
	p.wasApplied = p.known.applied == s.fingerprint(a)
	p.isFull = w.all || !p.wasApplied
	removed := p.known.removed
	if s.effect == grants {
		p.known.removed = "" // until the pass is complete, because it adds what the former restriction may not permit
	}
	done, err := p.run(ctx, w)
	if err != nil || done.isIncomplete || done.err != nil {
		return done, err
	}
	if p.isFull {
		p.known.applied = s.fingerprint(a)
	}
	switch {
	case done.isOvertaken:
	case p.isFull, s.isUnsettled():
		p.known.removed = s.restriction(a)
	default: // the bindings fitted this situation before
		p.known.removed = removed
	}
	return done, nil
}

// newPass returns a pass over the bindings of an assignment.
func (r *Reconciler) newPass(a *v1alpha1.CloudSSOAccessAssignment, s *situation, list *roster) *pass {
	key := client.ObjectKeyFromObject(a)
	return &pass{
		Reconciler: r, key: key, roleRef: a.Spec.RoleRef, situation: s, roster: list, known: r.memory.of(key),
		origin: access.Origin{Directory: a.Namespace, Assignment: a.Name, Kind: a.Spec.Principal.Kind, Principal: s.principal.Name},
	}
}

// run plans the writes, and carries them out. An error is that of a pass that has written nothing.
func (p *pass) run(ctx context.Context, w work) (done result, err error) {
	if err := p.findTargets(ctx); err != nil {
		return done, err
	}
	if err := p.findUsers(ctx, w); err != nil {
		return done, err
	}
	unread := p.distrustMissing(ctx)
	for _, t := range p.targets { // thousands, if a selector selects them, each with all users
		if err := ctx.Err(); err != nil {
			return done, err
		}
		p.plan(t)
	}
	done = p.write(ctx)
	done.distrusted, done.err = p.distrusted, cmp.Or(done.err, unread)
	return done, nil
}

// rest returns what a pass that grants has to look at after one that has only taken away: it does not see again what this one has.
func (p *pass) rest() work {
	rest := work{all: p.isFull}
	for _, t := range p.targets {
		rest.all = rest.all || len(t.drift.vanished)+len(t.drift.malformed) > 0
		rest.names = union(union(rest.names, t.drift.gone), t.drift.foreign)
	}
	return rest
}

// findTargets finds the bindings of every target that should have some, or has some. A namespace that is being deleted is
// left alone.
func (p *pass) findTargets(ctx context.Context) error {
	granted := p.situation.targets.granted
	if p.situation.effect == withdraws {
		granted = nil
	}
	for _, name := range granted {
		p.targets = append(p.targets, &target{name: name, isWanted: true})
	}
	for _, name := range p.boundTargets() {
		if slices.Contains(granted, name) {
			continue
		}
		isEnding, err := p.isEnding(ctx, name)
		if err != nil {
			return err
		}
		if !isEnding {
			p.targets = append(p.targets, &target{name: name})
		}
	}
	for name := range p.known.seen {
		if !slices.ContainsFunc(p.targets, func(t *target) bool { return t.name == name }) {
			delete(p.known.seen, name)
		}
	}
	for _, t := range p.targets {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.view = p.Bindings.View(p.key, t.name)
		p.observe(t)
	}
	return nil
}

// boundTargets returns the targets in which there are bindings, or were when they were last looked at: a binding that has lost its
// label since then grants on, and no informer shows it.
func (p *pass) boundTargets() []string {
	bound := p.Bindings.Targets(p.key)
	for name, seen := range p.known.seen {
		for _, b := range seen {
			if len(b.names) > 0 && !slices.Contains(bound, name) {
				bound = append(bound, name)
			}
		}
	}
	return bound
}

// findUsers finds out which Kubernetes user names should have the role.
func (p *pass) findUsers(ctx context.Context, w work) (err error) {
	if p.situation.effect == withdraws {
		p.isFull, p.known.skipped = true, nil
		return nil
	}
	if p.situation.isUnsettled() {
		p.isFull = false
		return nil
	}
	if !p.isFull {
		var isAll bool
		if p.asked, isAll, err = p.roster.some(ctx, w.users, w.names, p.known.skipped); err != nil {
			return err
		}
		var drifted map[string]bool
		for _, t := range p.targets {
			drifted = union(union(drifted, t.drift.gone), t.drift.foreign)
		}
		if isAll {
			if p.wanted, isAll, err = p.roster.some(ctx, nil, drifted, p.known.skipped); err != nil {
				return err
			}
		}
		if isAll {
			maps.Copy(p.wanted, p.asked)
			return nil
		}
		p.isFull = true
	}
	p.wanted, p.known.skipped, err = p.roster.everyone(ctx)
	return err
}

// plan plans the writes of one target.
func (p *pass) plan(t *target) {
	t.changes = map[int][]string{}
	if !t.isWanted {
		for _, number := range t.numbers() {
			t.changes[number] = nil
		}
		return
	}
	if p.situation.isUnsettled() {
		p.planUnsettled(t)
		return
	}
	mayAdd := p.situation.mayAdd(t.name)
	t.changes = access.Plan(t, p.wantedIn(t, mayAdd), p.isFull)
	for number := range t.drift.vanished {
		if _, planned := t.changes[number]; !planned {
			t.changes[number] = nil
		}
	}
	for number := range t.drift.malformed {
		if _, planned := t.changes[number]; !planned {
			t.changes[number] = t.view.Subjects(number)
		}
		if !mayAdd && p.hasOtherRole(t, number) {
			t.changes[number] = nil // because to create it again would grant another role
		}
	}
}

// planUnsettled plans the deletion of the bindings that grant another role than the declared one, or have lost their labels,
// whichever users have the role.
func (p *pass) planUnsettled(t *target) {
	for _, number := range t.numbers() {
		if t.drift.vanished[number] || p.hasOtherRole(t, number) {
			t.changes[number] = nil
		}
	}
}

// wantedIn returns which Kubernetes user names should have the role in a target, of those that are to be looked at there. If
// none may be added, those that have no role stay as they are.
func (p *pass) wantedIn(t *target, mayAdd bool) map[string]bool {
	if mayAdd && p.isFull {
		return p.wanted
	}
	wanted := maps.Clone(p.wanted)
	maps.DeleteFunc(wanted, func(name string, is bool) bool {
		if _, isAsked := p.asked[name]; !p.isFull && !isAsked && !t.drift.gone[name] && !t.drift.foreign[name] {
			return true
		}
		return !mayAdd && is && len(t.view.Holding(name)) == 0
	})
	return wanted
}

// numbers returns the numbers of the bindings of a target that exist, or have vanished.
func (t *target) numbers() []int {
	numbers := t.view.Numbers()
	for number := range t.drift.vanished {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

// Numbers is part of access.View. A binding that has vanished is one without subjects, so that it is written under its old
// name: without its labels it would be there, and no informer would show it.
func (t *target) Numbers() []int { return t.numbers() }

// Subjects is part of access.View.
func (t *target) Subjects(number int) []string { return t.view.Subjects(number) }

// Holding is part of access.View.
func (t *target) Holding(name string) []int { return t.view.Holding(name) }

// describe returns a binding for a message.
func (p *pass) describe(target string, number int) string {
	name := access.BindingName(p.key.Namespace, p.key.Name, number)
	if target == cluster {
		return "ClusterRoleBinding " + name
	}
	return fmt.Sprintf("RoleBinding %s/%s", target, name)
}
