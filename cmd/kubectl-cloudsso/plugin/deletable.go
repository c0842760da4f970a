package plugin

import (
	"errors"
	"fmt"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Refusal returns why the user cannot be deleted now, and what to do; nil if it can.
func (d *Deletion) Refusal() error { return errors.Join(d.refuseTracked(), d.refuseBreak()) }

// isSynchronized reports whether the guard protects the user.
func (d *Deletion) isSynchronized() bool { return policy.SourceOf(d.User) == v1alpha1.SourceSCIM }

// NeedsBreak reports whether the guard has to be lifted.
func (d *Deletion) NeedsBreak() bool {
	return d.isSynchronized() && policy.SwitchOf(d.Directory).HoldsDeletions()
}

// CanBeWithin reports whether the user can be deleted within a break that is on already: it goes on for longer than the deletion may
// take.
func (d *Deletion) CanBeWithin() bool {
	end := d.Directory.Spec.ResumeAt
	return d.isSynchronized() && policy.SwitchOf(d.Directory) == policy.SwitchDisabled && end != nil && end.Sub(d.Now()) > d.Limit
}

// refuseTracked refuses what a tool would turn back: the user, or the switch in the midst of the deletion.
func (d *Deletion) refuseTracked() error {
	if tool := TrackedBy(d.User); tool != "" {
		return fmt.Errorf("%s applies user %s: nothing was changed. Remove it from the source, and %s deletes it", tool, d.User.Name, tool)
	}
	tool := SwitchTrackedBy(d.Directory)
	if tool == "" || !d.NeedsBreak() {
		return nil
	}
	return fmt.Errorf("%s applies the switch of CloudSSODirectory %s of namespace %s, and may turn synchronization on before the user is gone: nothing was changed. "+
		"Set spec.scimSynchronization to Disabled at the source. When %s has applied it, delete the user, and then set it back to Enabled. "+
		"If %s does not apply it again, turn it off by hand (%s), delete the user, and turn it on (%s)",
		tool, v1alpha1.DirectoryName, d.Directory.Namespace, tool, tool, DisableCommand(d.Directory.Namespace), EnableCommand(d.Directory.Namespace))
}

// refuseBreak refuses a break that the operator would not end, and one within another break, whose end could hold the deletion.
func (d *Deletion) refuseBreak() error {
	namespace := d.Directory.Namespace
	switch at := d.Directory.Spec.ResumeAt; {
	case !d.isSynchronized():
	case policy.SwitchOf(d.Directory) == policy.SwitchAwaitingActivation:
		return fmt.Errorf("directory %s is not activated, and until then the operator does not turn synchronization on if the deletion is interrupted: nothing was changed. "+
			"Activate it first (docs/restore.md), or turn synchronization off by hand (%s), delete the user, and turn it on (%s)",
			namespace, DisableCommand(namespace), EnableCommand(namespace))
	case !d.NeedsBreak() && at != nil && (!d.Within || !d.CanBeWithin()):
		return fmt.Errorf("the synchronization of directory %s is Disabled until %s already: nothing was changed. Wait until then; or, if you have turned it off, delete the user now: kubectl -n %s delete cloudssouser %s",
			namespace, at.UTC().Format(time.RFC3339), namespace, d.User.Name)
	}
	return nil
}

// Consequences says what the deletion means: a sentence, and then one for each thing to know.
func (d *Deletion) Consequences() []string {
	lines := []string{fmt.Sprintf("This deletes user %s (userName %s, source %s) of directory %s for good, with its memberships and its access.",
		d.User.Name, Printable(d.User.Spec.UserName), policy.SourceOf(d.User), d.User.Namespace)}
	if d.isSynchronized() && d.User.Spec.DeprovisionedAt == nil {
		lines = append(lines, "The identity provider has not deleted it: it may create the user again, with another id. Unassign the user there first.")
	}
	if d.User.Spec.Suspended {
		lines = append(lines, "The user is suspended. A new user of its userName is not, because nothing is left of the suspension.")
	}
	if d.NeedsBreak() {
		lines = append(lines, "Synchronization is turned off until the user is gone, at most for "+policy.ShortDuration(d.Limit)+". Requests of the identity provider are "+
			"refused in that time, and it does not repeat them: the status of the directory says whether there were any.",
			"In that time people with the right in RBAC can change and delete all synchronized users and groups, and delete the directory.")
	}
	return lines
}
