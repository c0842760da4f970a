package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// overview is the page of a directory.
type overview struct {
	Directory *v1alpha1.CloudSSODirectory
	// Missed are the writes that were refused and not made up for; nil if there are none.
	Missed *v1alpha1.RefusedWrites
	// Switched is the last change of the switch.
	Switched writer
	Next     []nextStep
	// Credentials are those of the identity provider, the one that was used last first. MissingRight is the right that the person
	// lacks to see them; "" if it sees them.
	Credentials  []v1alpha1.SCIMCredential
	MissingRight string
	// MissingPatch is the right that the person lacks to acknowledge a full push; "" if it has it.
	MissingPatch string
	// Conditions are those of the directory. Its refused writes are said as they are now: the operator may not have looked since.
	Conditions []metav1.Condition
	// Connection is the state of the identity provider's connection.
	Connection plugin.Connection
	// Without are the states of the users without effect that are counted together.
	Without []v1alpha1.UserState
	// TrackedBy is the tool that applies the directory; "" if a person does.
	TrackedBy string
	// Problem is why the last form has changed nothing; "" if there was none.
	Problem string
}

// nextStep is one thing to do, and where the console does it.
type nextStep struct {
	plugin.Advice
	link
}

// link is a page below the directory, or a place on one; without a Page a person does it at a terminal.
type link struct{ Page, Text string }

func (c *console) directory(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	return r.directoryView(d, "")
}

func (r *request) directoryView(d *v1alpha1.CloudSSODirectory, problem string) (*view, error) {
	held, err := r.readRights(listCredentials, patchDirectory)
	if err != nil {
		return nil, err
	}
	credentials, missing, err := r.readCredentials(held)
	if err != nil {
		return nil, err
	}
	return &view{Title: text("directory.title"), template: "directory", Data: overview{
		Directory: d, Missed: policy.MissedWrites(d, r.now), Switched: switchWriter(d), Credentials: lastUsedFirst(credentials), MissingRight: missing,
		MissingPatch: held.Missing(patchDirectory), TrackedBy: plugin.TrackedBy(d), Problem: problem,
		Without:    []v1alpha1.UserState{v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserConflict},
		Next:       nextSteps(plugin.Advise(d, credentials, r.now), missing != ""),
		Conditions: conditionsOf(d, r.now), Connection: plugin.ConnectionOf(d, r.now),
	}}, nil
}

// IsCalm reports whether nothing has to be done.
func (o overview) IsCalm() bool { return len(o.Next) == 1 && o.Next[0].Topic == plugin.TopicNothing }

// conditionsOf returns the conditions of a directory. Those about refused writes and withheld deactivations name what the page has, and
// no command.
func conditionsOf(d *v1alpha1.CloudSSODirectory, now time.Time) []metav1.Condition {
	conditions := slices.Clone(d.Status.Conditions)
	missed := policy.MissedWrites(d, now)
	for i := range conditions {
		c := &conditions[i]
		switch {
		case c.Type == v1alpha1.ConditionDeactivationsWithheld && c.Status == metav1.ConditionTrue && d.Status.Users != nil:
			c.Message = text("approvals.condition", d.Status.Users.Withheld)
		case c.Type != v1alpha1.ConditionResyncNeeded:
		case missed == nil && c.Status == metav1.ConditionTrue:
			c.Message = text("resync.unseen")
		case missed == nil:
		case switchOf(d) == v1alpha1.SynchronizationEnabled:
			c.Message = text("resync.needed", missed.Count)
		default:
			c.Message = text("resync.neededLater", missed.Count)
		}
	}
	return conditions
}

// refusedPage returns the page of the object that a refused write named, such as PATCH Users/ada; "" if it named none.
func refusedPage(write v1alpha1.RefusedWrite) string {
	kind, name, _ := strings.Cut(write.Resource, "/")
	page := map[string]string{"Users": "users/", "Groups": "groups/"}[kind]
	if page == "" || name == "" {
		return ""
	}
	return page + url.PathEscape(name)
}

// stateCount is how many users have a state.
type stateCount struct {
	State v1alpha1.UserState
	Count int32
}

// Apart returns the counts of users without effect by state; nil if the operator is an older one, which counts them together.
func (o overview) Apart() []stateCount {
	u := o.Directory.Status.Users
	if u == nil || u.Suspended == nil || u.Conflict == nil {
		return nil
	}
	return []stateCount{
		{v1alpha1.UserDisabled, max(0, u.Disabled-*u.Suspended-*u.Conflict)}, {v1alpha1.UserSuspended, *u.Suspended}, {v1alpha1.UserConflict, *u.Conflict},
	}
}

// LastRefusal returns when the newest of the writes was refused that no full push has made up for.
func (o overview) LastRefusal() time.Time {
	var last time.Time
	for _, write := range o.Missed.Last {
		if write.Time.After(last) {
			last = write.Time.Time
		}
	}
	return last
}

// refusedField is the field of a form that names the refused writes which it showed.
const refusedField = "refused"

// ShownRefusals returns the value of refusedField.
func (o overview) ShownRefusals() string { return refusalsOf(o.Missed) }

// refusalsOf returns what is another text after each further refusal.
func refusalsOf(missed *v1alpha1.RefusedWrites) string {
	return fmt.Sprintf("%d %s", missed.Count, exact(plugin.PushAfter(missed)))
}

// resync acknowledges that a full push of the identity provider has made up for the refused writes that the page showed, and for no
// later one: the provider does not repeat a refused deactivation, so the reminder is all that is left of it.
func (c *console) resync(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	missed := policy.MissedWrites(d, r.now)
	switch {
	case missed == nil: // another person was faster
		return r.finished(directoryAddress(d.Namespace, ""), "resync"), nil
	case r.PostFormValue(refusedField) != refusalsOf(missed):
		v, err := r.directoryView(d, text("resync.changed"))
		if err == nil {
			v.status = http.StatusConflict
		}
		return v, err
	}
	pushed := plugin.PushAfter(missed)
	if pushed.IsZero() {
		pushed = r.now
	}
	if err := plugin.AcknowledgePush(r.Context(), r.Client, d, pushed); err != nil {
		return nil, err
	}
	return r.finished(directoryAddress(d.Namespace, ""), "resync"), nil
}

// lastUsedFirst returns credentials by the time of their last use.
func lastUsedFirst(credentials []v1alpha1.SCIMCredential) []v1alpha1.SCIMCredential {
	return slices.SortedStableFunc(slices.Values(credentials), func(a, b v1alpha1.SCIMCredential) int {
		return cmp.Or(instant(b.Status.LastUsedTime).Compare(instant(a.Status.LastUsedTime)), cmp.Compare(a.Name, b.Name))
	})
}

// pagesOfAdvice are the pages that do what an advice says.
var pagesOfAdvice = map[plugin.Topic]link{
	plugin.TopicWithheld:     {"approvals", text("next.approvals")},
	plugin.TopicResync:       {"#refused", text("next.resync")},
	plugin.TopicNoCredential: {"settings#credentials", text("next.credential")},
	plugin.TopicDisabled:     {"credentials/", text("next.disabled")},
	plugin.TopicExpiry:       {"settings#credentials", text("next.rotate")},
	plugin.TopicSwitch:       {"settings", text("next.switch")},
	plugin.TopicSilent:       {"log?outcome=refused", text("next.silent")},
}

// nextSteps returns advice with the pages that do it. Where the person does not see the credentials, advice about them is left out,
// because it would be wrong.
func nextSteps(all []plugin.Advice, noCredentials bool) (steps []nextStep) {
	for _, advice := range all {
		if noCredentials && advice.Topic == plugin.TopicNoCredential {
			continue
		}
		step := nextStep{advice, pagesOfAdvice[advice.Topic]}
		if advice.Topic == plugin.TopicDisabled {
			step.Page += url.PathEscape(advice.Credential)
		}
		steps = append(steps, step)
	}
	return steps
}

// conditionText returns a condition's message, or its reason if it has none.
func conditionText(conditions []metav1.Condition, kind string) string {
	c := meta.FindStatusCondition(conditions, kind)
	switch {
	case c == nil:
		return text("condition.unknown")
	case c.Message != "":
		return c.Message
	}
	return c.Reason
}

// conditionName returns the type of a condition in words, or the type itself if it has none.
func conditionName(kind string) string { return cmp.Or(texts["conditionName."+kind], kind) }

// switchOf returns the position of the switch. A directory without a spec is Disabled.
func switchOf(d *v1alpha1.CloudSSODirectory) v1alpha1.Synchronization {
	return cmp.Or(d.Spec.SCIMSynchronization, v1alpha1.SynchronizationDisabled)
}

// isLocked reports whether people may not change an object because synchronization is on. A person who may not read the directory
// is not told.
func (r *request) isLocked(o metav1.Object) (bool, error) {
	if policy.SourceOf(o) != v1alpha1.SourceSCIM {
		return false, nil
	}
	d, err := plugin.DirectoryOrEmpty(r.Context(), r.Client, r.namespace())
	switch {
	case apierrors.IsForbidden(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return policy.SwitchOf(d) == policy.SwitchEnabled, nil
}

// writer is who has turned the switch last, and when. An object names programs. This one and its plugin add the person; of others,
// the API server's audit log has the person.
type writer struct {
	Manager string
	// Time is nil until the operator has seen the switch.
	Time *metav1.Time
}

// switchWriter returns who has turned the switch last. The time of its program is that of the program's last change of any field.
func switchWriter(d *v1alpha1.CloudSSODirectory) (w writer) {
	var last *metav1.Time
	for _, entry := range d.ManagedFields {
		if plugin.OwnsSwitch(entry) && (last == nil || entry.Time != nil && last.Before(entry.Time)) {
			w.Manager, last = entry.Manager, entry.Time
		}
	}
	if d.Status.SCIMSynchronization == switchOf(d) {
		w.Time = d.Status.SwitchedAt
	}
	return w
}
