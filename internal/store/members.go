package store

import (
	"context"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// reasonMemberSkipped is the reason of the Event on a group that was pushed with a member that is no
// user. Providers never retry a 400, so to refuse would lose the whole push.
const reasonMemberSkipped = "MemberSkipped"

// maxReported is how many skipped members one Event names.
const maxReported = 10

// outcome is what the changes of one request make of a group's members. Members that SCIM does not show,
// the Manual ones, are no part of what it says, and stay.
type outcome struct {
	*tenant
	changes []memberChange
	added   []string        // ids that a change adds, each once, in order
	named   map[string]bool // all that a change names
	sweeps  bool            // whether it may take out members that it does not name

	// decided are those whom a write of this request has put in or taken out, and at which revision. Whoever does the
	// opposite afterwards has the last word: a request that is slow would undo what was acknowledged meanwhile.
	decided map[string]uint64
	// tried are those whom the group's own list puts in or takes out if it is stored.
	tried []string

	// spared says that somebody stayed for being hidden, which may be a matter of an index that is behind; certain, that a
	// fence has been passed, and it is not behind.
	spared, certain bool
}

// memberChange is a scim.MemberChange, made to be asked about one member after the other.
type memberChange struct {
	scim.MemberChange
	named map[string]bool
}

func (t *tenant) outcome(changes []scim.MemberChange) *outcome {
	o := &outcome{tenant: t, named: map[string]bool{}, decided: map[string]uint64{}}
	added := map[string]bool{}
	for _, change := range changes {
		o.changes = append(o.changes, memberChange{change, toSet(change.IDs)})
		o.sweeps = o.sweeps || change.Op == scim.ReplaceMembers || change.Match != nil
		for _, id := range change.IDs {
			o.named[id] = true
			if change.Op != scim.RemoveMembers && !added[id] {
				added[id] = true
				o.added = append(o.added, id)
			}
		}
	}
	return o
}

// has reports whether somebody is a member afterwards.
func (o *outcome) has(id string, before bool) bool {
	is := before
	for _, s := range o.changes {
		switch {
		case s.Op != scim.RemoveMembers && s.named[id]:
			is = true
		case is && s.drops(id, o.tenant):
			is = o.spares(id)
		}
	}
	return is
}

// stays and joins report whether somebody who is a member remains one, and whether another becomes one, unless that has
// been decided already.
func (o *outcome) stays(id string) bool { return o.decided[id] > 0 || o.has(id, true) }
func (o *outcome) joins(id string) bool { return o.decided[id] == 0 && o.has(id, false) }

// drops reports whether a change takes out a member that it does not name to stay.
func (s *memberChange) drops(id string, t *tenant) bool {
	switch {
	case s.Op == scim.ReplaceMembers:
		return true
	case s.Op == scim.AddMembers:
		return false
	case s.Match != nil:
		return s.Match(t.reference(id))
	}
	return s.named[id]
}

func (o *outcome) spares(id string) bool {
	hidden := o.hidden(id)
	o.spared = o.spared || hidden
	return hidden
}

// certainly makes a decision, and makes it anew behind a fence if it has spared somebody.
func (o *outcome) certainly(ctx context.Context, decide func() error) error {
	err := decide()
	if !o.spared || o.certain {
		return err
	}
	if err := o.users.pass(ctx); err != nil {
		return err
	}
	o.certain = true
	return decide()
}

// in makes the outcome that of the group's own list, as far as it has room: then the group is sliced, and
// the rest is for changeSlices.
func (o *outcome) in(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	if len(o.changes) == 0 {
		return nil
	}
	members, sliced := g.Spec.Members, g.Spec.Sliced
	err := o.certainly(ctx, func() (err error) {
		members, sliced, err = o.own(g)
		return err
	})
	if err == nil {
		g.Spec.Members, g.Spec.Sliced = members, sliced
	}
	return err
}

// own is what the group's own list is to be, and whether the group is sliced then.
func (o *outcome) own(g *v1alpha1.CloudSSOGroup) (next []v1alpha1.Member, sliced bool, err error) {
	o.tried = nil
	there := make(map[string]bool, len(g.Spec.Members))
	for _, m := range g.Spec.Members {
		if there[m.Name] = true; o.stays(m.Name) {
			next = append(next, m)
		} else {
			o.tried = append(o.tried, m.Name)
		}
	}
	room := max(v1alpha1.SliceSize, len(next))
	var joining []v1alpha1.Member
	for _, id := range o.added {
		if !there[id] && o.joins(id) && !o.isSliced(g, id) {
			joining = append(joining, v1alpha1.Member{Name: id})
		}
	}
	if n := o.size(g) + len(joining); n > limits.Members && len(joining) > 0 && !o.sweeps {
		if n -= o.leaving(g); n > limits.Members {
			return nil, false, scim.BadRequest(scim.InvalidValue, "members: the group would have %d members; at most %d are supported", n, limits.Members)
		}
	}
	if g.Spec.Sliced {
		return next, true, nil
	}
	joined := joining[:min(len(joining), room-len(next))]
	for _, m := range joined {
		o.tried = append(o.tried, m.Name)
	}
	return append(next, joined...), len(joined) < len(joining), nil
}

// stored notes that the group's own list has been, as in has made it.
func (o *outcome) stored(g *v1alpha1.CloudSSOGroup) {
	for _, id := range o.tried {
		o.decided[id] = revisionOf(g)
	}
}

// leaving is how many of those that are named are members, and are none afterwards.
func (o *outcome) leaving(g *v1alpha1.CloudSSOGroup) (n int) {
	own := map[string]bool{}
	for _, m := range g.Spec.Members {
		own[m.Name] = true
	}
	for id := range o.named {
		if !o.has(id, true) && (own[id] || o.isSliced(g, id)) {
			n++
		}
	}
	return n
}

// knownIn leaves out of the changes the ids that are no user's. To remove one is no error: nobody asks
// whether who is to go exists.
func (t *tenant) knownIn(ctx context.Context, changes []scim.MemberChange) (known []scim.MemberChange, unknown []string, err error) {
	if len(changes) == 0 {
		return nil, nil, nil
	}
	if err := t.users.catchUp(ctx); err != nil {
		return nil, nil, err
	}
	for _, change := range changes {
		if change.Op != scim.RemoveMembers {
			var skipped []string
			if change.IDs, skipped, err = t.known(ctx, change.IDs); err != nil {
				return nil, nil, err
			}
			unknown = append(unknown, skipped...)
		}
		known = append(known, change)
	}
	return known, unknown, nil
}

// known parts ids into those of users that SCIM shows and others. Who is missing is looked for again
// behind a fence, for another replica may just have created them.
func (t *tenant) known(ctx context.Context, ids []string) (known, unknown []string, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	if !slices.ContainsFunc(ids, t.missing) {
		return ids, nil, nil
	}
	if err := t.users.pass(ctx); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if t.missing(id) {
			unknown = append(unknown, id)
		} else {
			known = append(known, id)
		}
	}
	return known, unknown, nil
}

// missing reports whether there is no such user over SCIM.
func (t *tenant) missing(id string) bool {
	r := t.users.index.record(t.namespace, id)
	return r == nil || !r.listed
}

// hidden reports whether SCIM does not show the member: a Manual user, or one that is about to leave. A
// member that the index does not know was created a moment ago: it is shown.
func (t *tenant) hidden(name string) bool {
	r := t.users.index.record(t.namespace, name)
	return r != nil && !r.listed
}

// reference names a user as a member.
func (t *tenant) reference(name string) scim.Reference {
	u, found := t.users.index.get(t.namespace, name)
	if !found {
		return scim.Reference{Value: name}
	}
	display := u.Spec.DisplayName
	if display == "" {
		display = u.Spec.UserName
	}
	return scim.Reference{Value: name, Display: display}
}

func (t *tenant) reportSkipped(g *v1alpha1.CloudSSOGroup, unknown []string) {
	if len(unknown) == 0 {
		return
	}
	named := strings.Join(unknown[:min(len(unknown), maxReported)], ", ")
	t.Log.Warn("members skipped: no such users", "namespace", g.Namespace, "group", g.Name, "count", len(unknown), "members", named)
	t.warn(g, reasonMemberSkipped, "%d members pushed by the identity provider were skipped, for no such users exist: %s. "+
		"Provision them first, then push the group again.", len(unknown), named)
}

func toSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
