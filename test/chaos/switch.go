package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// switchLag is how long a replica may take to see the switch: as long as any other object.
	switchLag = lag
	// longestOff is how long synchronization stays off after the edits, at most.
	longestOff = time.Second
	// editsWhileOff is how many users an administrator edits while synchronization is off.
	editsWhileOff = 5
	// administrator is the client number of edits by hand.
	administrator = 1000
)

// Off is a time in which synchronization was switched off.
type Off struct {
	// Asked is when the request to switch it off was sent, and Since when it was answered: the switch turned in between.
	// Until and Back are the same for on.
	Asked, Since, Until, Back time.Duration
	// Edits are what an administrator changed while it was off, and Overwritten those that had not lasted at the end.
	Edits, Overwritten []*Op
	// Different are the objects that were not the same at the end as after the edits.
	Different []string
}

// certain returns from when on every replica knows.
func (o *Off) certain() time.Duration { return o.Since + switchLag }

func (f *Faults) switchOff(ctx context.Context, _ int) error {
	off := &Off{Asked: f.History.Now(), Until: Forever, Back: Forever}
	f.Offs = append(f.Offs, off)
	if err := f.Replicas.turn(ctx, v1alpha1.SynchronizationDisabled); err != nil {
		return err
	}
	off.Since = f.History.Now()
	f.idle(ctx, switchLag, switchLag+1)
	before, err := f.editByHand(ctx, off)
	if err != nil {
		return err
	}
	f.idle(ctx, 0, longestOff)
	after, err := f.Replicas.objects(ctx)
	if err != nil {
		return err
	}
	off.Different = differences(before.footprint(), after.footprint())
	off.Overwritten = slices.DeleteFunc(slices.Clone(off.Edits), after.has)
	off.Until = f.History.Now()
	err = f.Replicas.turn(ctx, v1alpha1.SynchronizationEnabled)
	off.Back = f.History.Now()
	return err
}

// editByHand deactivates some users as an administrator may while synchronization is off, and returns the objects
// afterwards. Each edit is a request of the history: it sets the marker, as each request does.
func (f *Faults) editByHand(ctx context.Context, off *Off) (Objects, error) {
	objects, err := f.Replicas.objects(ctx)
	if err != nil {
		return objects, err
	}
	for _, u := range objects.newestUsers() {
		partition := f.PartitionOf(u.Spec.UserName)
		if partition == "" || len(off.Edits) == editsWhileOff {
			continue
		}
		o := &Op{ID: f.History.NewID(), Client: administrator, Partition: partition, Kind: Deactivate, Process: byHand, Subject: u.Name, Call: f.History.Now()}
		u.Spec.Active, u.Spec.Title = new(false), strconv.Itoa(o.ID)
		err := f.Replicas.Environment.Admin.Update(ctx, u)
		o.Return, o.Outcome = f.History.Now(), outcomeByHand(err)
		if err != nil {
			o.Detail = err.Error()
		}
		f.History.Record(o)
		if o.Outcome == Done {
			off.Edits = append(off.Edits, o)
		}
	}
	return f.Replicas.objects(ctx)
}

// outcomeByHand returns the outcome of an update of an object as it was read.
func outcomeByHand(err error) Outcome {
	switch {
	case err == nil:
		return Done
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return Unsent
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return Unexpected
	}
	return Unknown
}

// newestUsers returns the users that SCIM shows, the newest first.
func (o Objects) newestUsers() (users []*v1alpha1.CloudSSOUser) {
	visible, _ := o.visible()
	for i := range o.Users {
		if u := &o.Users[i]; visible[u.Name] {
			users = append(users, u)
		}
	}
	slices.SortFunc(users, func(a, b *v1alpha1.CloudSSOUser) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return users
}

// has reports whether a user is as an administrator's edit made it.
func (o Objects) has(edit *Op) bool {
	u, found := o.user(edit.Subject)
	return found && u.Spec.Title == strconv.Itoa(edit.ID) && u.Spec.Active != nil && !*u.Spec.Active
}

// turn turns the switch.
func (r *Replicas) turn(ctx context.Context, position v1alpha1.Synchronization) error {
	return r.configure(ctx, func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = position })
}

// configure changes the directory's settings.
func (r *Replicas) configure(ctx context.Context, change func(d *v1alpha1.CloudSSODirectory)) error {
	d := &v1alpha1.CloudSSODirectory{}
	if err := r.Environment.Admin.Get(ctx, client.ObjectKey{Namespace: r.Environment.Namespace, Name: v1alpha1.DirectoryName}, d); err != nil {
		return err
	}
	before := d.DeepCopy()
	change(d)
	return r.Environment.Admin.Patch(ctx, d, client.MergeFrom(before))
}

// footprint returns what only a request over SCIM changes, by object. Controllers remove members and end deletions, the
// workload creates users by hand and suspends users.
func (o Objects) footprint() map[string]string {
	marks := map[string]string{}
	for i := range o.Users {
		spec := o.Users[i].Spec
		if spec.Source == v1alpha1.SourceManual {
			continue
		}
		spec.Suspended = false
		content, _ := json.Marshal(spec) // a spec that was decoded can be encoded
		marks["user "+o.Users[i].Name] = string(content)
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		if g.DeletionTimestamp != nil {
			continue
		}
		marks["group "+g.Name] = g.Spec.DisplayName + " " + g.Spec.ExternalID
		for _, m := range o.members(g) {
			marks[memberMark+m+" of "+g.Name] = ""
		}
	}
	return marks
}

// memberMark begins the marks that may disappear without a request.
const memberMark = "member "

// differences returns what is new, what is not the same, and what has disappeared without being allowed to.
func differences(before, after map[string]string) (different []string) {
	for _, what := range slices.Sorted(maps.Keys(after)) {
		if was, found := before[what]; !found || was != after[what] {
			different = append(different, what)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(before)) {
		if _, found := after[what]; !found && !strings.HasPrefix(what, memberMark) {
			different = append(different, what)
		}
	}
	return different
}

// CheckSwitch checks what the switch promises. While it is certainly off, no request is served, an administrator's edit
// stays, and nothing else changes either, unless a request is still under way. While it is on, no request is answered 403.
func CheckSwitch(ops []*Op, offs []*Off) (violations []Violation) {
	for _, off := range offs {
		underWay := false
		for _, o := range ops {
			if off.covers(o) && o.isServed() {
				violations = append(violations, Violation{"switch: off", fmt.Sprintf("#%d was answered %d; synchronization had been off for %s",
					o.ID, o.Status, o.Call-off.Since), []*Op{o}})
			}
			underWay = underWay || o.mayWrite(off.certain())
		}
		if len(off.Different) > 0 && !underWay {
			violations = append(violations, Violation{Rule: "switch: nothing changes", Text: fmt.Sprintf(
				"while synchronization was off, from %s to %s, these changed: %s", clock(off.certain()), clock(off.Until), listed(off.Different))})
		}
		violations = append(violations, off.overwritten(ops)...)
	}
	for _, o := range ops {
		near := func(off *Off) bool { return off.Asked <= o.Return && o.Call <= off.Back+switchLag }
		if o.Status == http.StatusForbidden && !slices.ContainsFunc(offs, near) {
			violations = append(violations, Violation{"switch: on", fmt.Sprintf("#%d was answered 403, and synchronization was on", o.ID), []*Op{o}})
		}
	}
	return violations
}

// overwritten returns the edits that did not last until synchronization was on again. A request that was under way cannot
// have overwritten one: its first attempt was computed from the user before the edit, so it fails, and each further attempt
// reads the switch. Only an operation of a bulk request, or a create that waited for the name, may have made its first
// attempt later.
func (o *Off) overwritten(ops []*Op) (violations []Violation) {
	for _, edit := range o.Overwritten {
		related := []*Op{edit}
		mayBeFirst := false
		for _, other := range ops {
			if other != edit && other.about() == edit.Subject && other.mayWrite(edit.Call) {
				related = append(related, other)
				mayBeFirst = mayBeFirst || other.Batch != 0 || other.Kind == Create
			}
		}
		if !mayBeFirst {
			violations = append(violations, Violation{"switch: edits stay", fmt.Sprintf(
				"user %s was edited by hand (#%d) while synchronization was off, and was not so any more at %s", edit.Subject, edit.ID, clock(o.Until)), related})
		}
	}
	return violations
}

// covers reports whether synchronization was certainly off from the request's call to its return.
func (o *Off) covers(op *Op) bool { return o.certain() < op.Call && op.Return < o.Until }

// isServed reports whether the request was answered as if there were no switch.
func (o *Op) isServed() bool {
	switch o.Status {
	case 0, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return false
	}
	return true
}

// mayWrite reports whether the request may have been under way at a time, even if its client had given up.
func (o *Op) mayWrite(at time.Duration) bool {
	if !o.Writes() || o.Outcome == Forbidden || o.Outcome == Unsent || o.Call > at {
		return false
	}
	return o.Outcome == Unknown && at < o.latest() || o.Outcome != Unknown && at < o.Return
}
