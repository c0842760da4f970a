package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// switchLag is how long a replica may take to hear of the switch: as long as of anything else.
	switchLag = lag
	// longestOff is for how long the switch is off, longer than that.
	longestOff = time.Second
)

// Off is a time in which synchronization was switched off.
type Off struct {
	// Asked is when it was to be switched off, and Since when it was: somewhere in between it happened. Until
	// and Back are the same for on.
	Asked, Since, Until, Back time.Duration
	// Changed is what was not the same at the end as a moment after Since.
	Changed []string
}

// certain is from when on every replica knows.
func (o *Off) certain() time.Duration { return o.Since + switchLag }

func (f *Faults) switchOff(ctx context.Context, _ int) error {
	off := &Off{Asked: f.History.Now(), Until: Forever, Back: Forever}
	f.Offs = append(f.Offs, off)
	if err := f.Replicas.turn(ctx, v1alpha1.SynchronizationDisabled); err != nil {
		return err
	}
	off.Since = f.History.Now()
	f.idle(ctx, switchLag, switchLag+1)
	before, err := f.Replicas.objects(ctx)
	if err != nil {
		return err
	}
	f.idle(ctx, 0, longestOff)
	after, err := f.Replicas.objects(ctx)
	if err != nil {
		return err
	}
	off.Changed = changes(before.footprint(), after.footprint())
	off.Until = f.History.Now()
	err = f.Replicas.turn(ctx, v1alpha1.SynchronizationEnabled)
	off.Back = f.History.Now()
	return err
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

// footprint is what only a request over SCIM changes. A controller takes members out, and the workload makes users by
// hand: one that was adopted comes into it.
func (o Objects) footprint() map[string]string {
	marks := map[string]string{}
	for i := range o.Users {
		if o.Users[i].Spec.Source == v1alpha1.SourceManual {
			continue
		}
		marks["user "+o.Users[i].Name] = fmt.Sprint(o.Users[i].Generation)
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		if !policy.IsLiveGroup(g) {
			continue
		}
		marks["group "+g.Name] = g.Spec.DisplayName + " " + g.Spec.ExternalID
		for _, m := range o.members(g) {
			marks[memberMark+m+" of "+g.Name] = ""
		}
	}
	return marks
}

// memberMark begins what may go by itself.
const memberMark = "member "

// changes are what came, what became another, and what went that may not.
func changes(before, after map[string]string) (changed []string) {
	for _, what := range slices.Sorted(maps.Keys(after)) {
		if was, found := before[what]; !found || was != after[what] {
			changed = append(changed, what)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(before)) {
		if _, found := after[what]; !found && what[:len(memberMark)] != memberMark {
			changed = append(changed, what)
		}
	}
	return changed
}

// SwitchedOff checks what the switch promises: while it is certainly off, nobody is served and nothing changes,
// but for requests that were under way; and nobody is told that it is off while it is on.
func SwitchedOff(ops []*Op, offs []*Off) (violations []Violation) {
	for _, off := range offs {
		underWay := false
		for _, o := range ops {
			if off.covers(o) && o.served() {
				violations = append(violations, Violation{"switch: off", fmt.Sprintf("#%d was answered %d; synchronization had been off for %s",
					o.ID, o.Status, o.Call-off.Since), []*Op{o}})
			}
			underWay = underWay || o.mayWrite(off.certain())
		}
		if len(off.Changed) > 0 && !underWay {
			violations = append(violations, Violation{Rule: "switch: nothing changes", Text: fmt.Sprintf(
				"while synchronization was off, from %s to %s, others became: %s", clock(off.certain()), clock(off.Until), listed(off.Changed))})
		}
	}
	for _, o := range ops {
		near := func(off *Off) bool { return off.Asked <= o.Return && o.Call <= off.Back+switchLag }
		if o.Status == http.StatusForbidden && !slices.ContainsFunc(offs, near) {
			violations = append(violations, Violation{"switch: on", fmt.Sprintf("#%d was answered 403, and synchronization was on", o.ID), []*Op{o}})
		}
	}
	return violations
}

// covers reports whether it was certainly off from the request's invocation to its return.
func (o *Off) covers(op *Op) bool { return o.certain() < op.Call && op.Return < o.Until }

// served reports whether the request was answered as if there were no switch.
func (o *Op) served() bool {
	switch o.Status {
	case 0, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return false
	}
	return true
}

// mayWrite reports whether the request may have been under way at a time, though its client had given up.
func (o *Op) mayWrite(at time.Duration) bool {
	if !o.Writes() || o.Outcome == Refused || o.Outcome == Unsent || o.Call > at {
		return false
	}
	return o.Outcome == Unknown && at < o.latest() || o.Outcome != Unknown && at < o.Return
}
