package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// A group that outgrows one object is sliced, for good: whoever joins from then on is listed by a slice, and
// the group's own list only shrinks. So all that is added is in one kind, whose revisions are in one order, and
// membership is verified like names are: write, wait until the own write is in the own index, and look. Of two
// slices that list the same member, which two writers did not know of each other, the one whose name comes
// first keeps it. A request changes each member once. See docs/adr/0008-slices.md.

var sliceKind = kind[*v1alpha1.CloudSSOMembershipSlice]{
	resource: schema.Group, // what an error is about
	blank:    func() *v1alpha1.CloudSSOMembershipSlice { return &v1alpha1.CloudSSOMembershipSlice{} },
	copy:     (*v1alpha1.CloudSSOMembershipSlice).DeepCopy,
	spec:     func(s *v1alpha1.CloudSSOMembershipSlice) any { return &s.Spec },
	describe: describeSlice,
}

// describeSlice has a slice found by the name of its group.
func describeSlice(s *v1alpha1.CloudSSOMembershipSlice) (f facts) {
	if policy.IsGoing(s) {
		return f
	}
	f.name = s.Spec.Group
	for _, m := range s.Spec.Members {
		f.members = append(f.members, m.Name)
	}
	return f
}

// slicesOf are the slices of a group, by name.
func (d *Directories) slicesOf(g *v1alpha1.CloudSSOGroup) []*v1alpha1.CloudSSOMembershipSlice {
	return slicesAmong(d.slices.index.named(g.Namespace, g.Name), g)
}

func slicesAmong(records []*record[*v1alpha1.CloudSSOMembershipSlice], g *v1alpha1.CloudSSOGroup) (all []*v1alpha1.CloudSSOMembershipSlice) {
	for _, r := range records {
		if r.object.Spec.Source == g.Spec.Source {
			all = append(all, r.object)
		}
	}
	slices.SortFunc(all, func(a, b *v1alpha1.CloudSSOMembershipSlice) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// slicesWith are the slices that list a user.
func (d *Directories) slicesWith(namespace, user string) (all []*v1alpha1.CloudSSOMembershipSlice) {
	for _, name := range d.slices.index.groupsOf(namespace, user) {
		if s, found := d.slices.index.get(namespace, name); found {
			all = append(all, s)
		}
	}
	return all
}

// maxParallelWrites bounds how many slices one request writes at a time: more would be the API server's
// whole attention.
const maxParallelWrites = 8

// snapshot is what the index shows of a group's slices at one time, and which of them list somebody whom an outcome names.
type snapshot struct {
	records  []*record[*v1alpha1.CloudSSOMembershipSlice]
	slices   []*v1alpha1.CloudSSOMembershipSlice // the objects of those that are the group's
	affected map[string]bool                     // nobody asks where the outcome sweeps
}

func (t *tenant) snapshot(g *v1alpha1.CloudSSOGroup, o *outcome) *snapshot {
	named := o.named
	if o.sweeps {
		named = nil
	}
	records, affected := t.slices.index.lists(g.Namespace, g.Name, named)
	return &snapshot{records, slicesAmong(records, g), affected}
}

// joinedAt is the revision at which a slice came to list a member; 0 if that is not known.
func (s *snapshot) joinedAt(slice *v1alpha1.CloudSSOMembershipSlice, member string) uint64 {
	for _, r := range s.records {
		if r.object == slice {
			return r.joinedAt(member)
		}
	}
	return 0
}

// changeSlices makes the outcome that of a sliced group's slices. Seen is a snapshot that was taken before g was read;
// nil if none was.
//
// A plan is made of a group that was read after its slices were looked up: its own list only shrinks, so whoever is in
// both was so at one time, and the copy in the slice is the second one. That nothing is left to do an older group may
// say: whom its list has was a member then.
func (t *tenant) changeSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup, o *outcome, seen *snapshot) (err error) {
	if err := t.slices.catchUp(ctx); err != nil {
		return err
	}
	for range maxAttempts {
		if seen == nil {
			seen = t.snapshot(g, o)
			if g, err = t.groups.read(ctx, g.Namespace, g.Name); err != nil {
				return err
			}
		}
		p, kept, err := certainPlan(ctx, g, seen, o)
		if err != nil {
			return err
		}
		stale, err := t.carryOut(ctx, g, p, o, kept)
		if err == nil {
			err = t.slices.catchUp(ctx) // or a slice that the index does not show yet would be made again
		}
		if err != nil {
			return err
		}
		if stale || len(p) == 0 {
			if err := t.slices.pass(ctx); err != nil {
				return err
			}
		}
		left, _, err := certainPlan(ctx, g, t.snapshot(g, o), o)
		if err != nil || len(left) == 0 {
			return err
		}
		seen = nil
	}
	return scim.Unavailable(retryAfter, fmt.Errorf("members of %s/%s: overtaken %d times", g.Namespace, g.Name, maxAttempts))
}

// sliceWrite is what one slice is to hold. Current is nil for a slice that has yet to be made.
type sliceWrite struct {
	current *v1alpha1.CloudSSOMembershipSlice
	members []v1alpha1.Member
}

// moves are the members that the write takes out, or puts in.
func (w sliceWrite) moves() map[string]bool {
	moved := map[string]bool{}
	for _, m := range w.members {
		moved[m.Name] = true
	}
	if w.current != nil {
		for _, m := range w.current.Spec.Members {
			if moved[m.Name] {
				delete(moved, m.Name) // it stays
			} else {
				moved[m.Name] = true
			}
		}
	}
	return moved
}

// plan is what has to be written for the outcome, and who is listed before and after that. Of those whom the request has
// put in or taken out before, what came later than that stays as it is. Nobody is listed twice, whoever it is.
func plan(g *v1alpha1.CloudSSOGroup, seen *snapshot, o *outcome) (writes []sliceWrite, placed map[string]bool) {
	placed = map[string]bool{}
	for _, m := range g.Spec.Members {
		placed[m.Name] = true
	}
	for _, s := range seen.slices {
		if !o.sweeps && !seen.affected[s.Name] {
			continue
		}
		kept := make([]v1alpha1.Member, 0, len(s.Spec.Members))
		for _, m := range s.Spec.Members {
			if !placed[m.Name] && (o.has(m.Name, true) || o.isLater(m.Name, seen, s)) {
				kept = append(kept, m)
				placed[m.Name] = true
			}
		}
		if len(kept) < len(s.Spec.Members) {
			writes = append(writes, sliceWrite{s, kept})
		}
	}
	var missing []v1alpha1.Member
	for _, id := range o.added {
		if !placed[id] && o.joins(id) {
			missing = append(missing, v1alpha1.Member{Name: id})
		}
	}
	return place(missing, writes, seen.slices), placed
}

// certainPlan is a plan that spares only whom SCIM certainly does not show.
func certainPlan(ctx context.Context, g *v1alpha1.CloudSSOGroup, seen *snapshot, o *outcome) (writes []sliceWrite, placed map[string]bool, err error) {
	err = o.certainly(ctx, func() error {
		writes, placed = plan(g, seen, o)
		return nil
	})
	return writes, placed, err
}

// place finds a slice for each part of what is missing: the fullest that has room for all of it, of those
// that are written anyway first; else a new one.
func place(missing []v1alpha1.Member, writes []sliceWrite, all []*v1alpha1.CloudSSOMembershipSlice) []sliceWrite {
	for part := range slices.Chunk(missing, v1alpha1.SliceSize) {
		if i := fullest(writes, len(part)); i >= 0 {
			writes[i].members = append(writes[i].members, part...)
			continue
		}
		var others []sliceWrite
		for _, s := range all {
			if !slices.ContainsFunc(writes, func(w sliceWrite) bool { return w.current == s }) {
				others = append(others, sliceWrite{s, s.Spec.Members})
			}
		}
		w := sliceWrite{nil, part}
		if i := fullest(others, len(part)); i >= 0 {
			w = sliceWrite{others[i].current, slices.Concat(others[i].members, part)}
		}
		writes = append(writes, w)
	}
	return writes
}

// isGoing reports whether somebody deletes the slice: nobody may join it any more.
func (w sliceWrite) isGoing() bool { return w.current != nil && w.current.DeletionTimestamp != nil }

// fullest is the index of the fullest that has room for so many more, or -1.
func fullest(writes []sliceWrite, more int) int {
	best := -1
	for i, w := range writes {
		if !w.isGoing() && len(w.members)+more <= v1alpha1.SliceSize && (best < 0 || len(w.members) > len(writes[best].members)) {
			best = i
		}
	}
	return best
}

// carryOut writes, and waits until the index shows it. Stale says that something was not what the plan was
// made from.
func (t *tenant) carryOut(ctx context.Context, g *v1alpha1.CloudSSOGroup, writes []sliceWrite, o *outcome, kept map[string]bool) (stale bool, err error) {
	var newest watermark
	stored := make([]uint64, len(writes)) // at which revision; 0 is not at all
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelWrites)
	for i, w := range writes {
		group.Go(func() error {
			written, err := t.writeSlice(ctx2, g, w)
			switch {
			case errors.Is(err, errStale), isNotFound(err):
			case err != nil:
				return err
			default:
				stored[i] = revisionOf(written)
				newest.raise(stored[i])
			}
			return nil
		})
	}
	err = group.Wait()
	t.slices.settleAt(ctx, newest.level())
	o.decide(writes, stored, kept)
	return slices.Contains(stored, 0), err
}

// isLater reports whether somebody was put into a slice after the request had decided about them.
func (o *outcome) isLater(id string, seen *snapshot, s *v1alpha1.CloudSSOMembershipSlice) bool {
	return o.decided[id] > 0 && seen.joinedAt(s, id) > o.decided[id]
}

// decide notes whom the writes that were stored have put in or taken out: not who is kept elsewhere, nor whom a write was
// about that was not stored.
func (o *outcome) decide(writes []sliceWrite, stored []uint64, kept map[string]bool) {
	open := maps.Clone(kept)
	for i, w := range writes {
		if stored[i] == 0 {
			maps.Copy(open, w.moves())
		}
	}
	for i, w := range writes {
		revision := stored[i]
		for id := range w.moves() {
			if revision > 0 && !open[id] {
				o.decided[id] = max(o.decided[id], revision)
			}
		}
	}
}

func (t *tenant) writeSlice(ctx context.Context, g *v1alpha1.CloudSSOGroup, w sliceWrite) (*v1alpha1.CloudSSOMembershipSlice, error) {
	if w.current != nil {
		next := w.current.DeepCopy()
		next.Spec.Members = w.members
		return t.slices.write(ctx, w.current, next)
	}
	s := &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: t.newObjectMeta(g.Name, groupKind.prefix, v1alpha1.FinalizerGuard),
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: g.Spec.Source, Group: g.Name, Members: w.members},
	}
	t.slices.stamp(s) // a group is modified when it gets one
	return s, t.slices.translate(t.Client.Create(ctx, s))
}

// isSliced reports whether a slice of the group lists the user.
func (d *Directories) isSliced(g *v1alpha1.CloudSSOGroup, user string) bool {
	return g.Spec.Sliced && slices.ContainsFunc(d.slicesWith(g.Namespace, user), func(s *v1alpha1.CloudSSOMembershipSlice) bool {
		return s.Spec.Group == g.Name && s.Spec.Source == g.Spec.Source
	})
}

// size is how many members a group's lists hold.
func (d *Directories) size(g *v1alpha1.CloudSSOGroup) int {
	n := len(g.Spec.Members)
	if g.Spec.Sliced {
		for _, s := range d.slicesOf(g) {
			n += len(s.Spec.Members)
		}
	}
	return n
}

func sliceSentinel() *v1alpha1.CloudSSOMembershipSlice {
	return &v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceManual, Group: v1alpha1.SentinelName}}
}

// modifiedAt is SCIM's meta.lastModified of a group: when it, or one of its slices, was written last.
func (t *tenant) modifiedAt(g *v1alpha1.CloudSSOGroup) time.Time {
	at := lastModified(g)
	if g.Spec.Sliced {
		for _, s := range t.slicesOf(g) {
			if of := lastModified(s); of.After(at) {
				at = of
			}
		}
	}
	return at
}
