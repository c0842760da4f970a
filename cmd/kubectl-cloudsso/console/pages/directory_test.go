package pages

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// A person who does not see the credentials gets no advice to create one.
func TestNextSteps(t *testing.T) {
	all := []plugin.Advice{{Topic: plugin.TopicPolicies}, {Topic: plugin.TopicNoCredential}, {Topic: plugin.TopicWithheld}}
	if got := nextSteps(all, false); len(got) != 3 || got[1].Page != "settings#credentials" || got[2].Page != "approvals" || got[0].Page != "" {
		t.Errorf("got %+v", got)
	}
	if got := nextSteps(all, true); len(got) != 2 || got[1].Topic != plugin.TopicWithheld {
		t.Errorf("without the right to see credentials: got %+v", got)
	}
}

func TestDisabledCredentialLeadsToItsPage(t *testing.T) {
	got := nextSteps([]plugin.Advice{{Topic: plugin.TopicDisabled, Credential: "okta"}}, false)
	if len(got) != 1 || got[0].Page != "credentials/okta" {
		t.Errorf("got %+v", got)
	}
}

// The condition is the operator's, and behind what the directory says of refused writes.
func TestConditionOfRefusedWritesIsThatOfNow(t *testing.T) {
	for name, c := range map[string]struct {
		count    int64
		position v1alpha1.Synchronization
		status   metav1.ConditionStatus
		want     string
	}{
		"none":         {0, v1alpha1.SynchronizationEnabled, metav1.ConditionFalse, "none was refused"},
		"acknowledged": {0, v1alpha1.SynchronizationEnabled, metav1.ConditionTrue, text("resync.unseen")},
		"on":           {2, v1alpha1.SynchronizationEnabled, metav1.ConditionTrue, text("resync.needed", 2)},
		"off":          {1, v1alpha1.SynchronizationDisabled, metav1.ConditionFalse, text("resync.neededLater", 1)},
	} {
		d := &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: c.position}}
		d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: c.count}
		d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionResyncNeeded, Status: c.status, Message: "none was refused"}}
		if got := conditionsOf(d, noon)[0].Message; got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestRefusedWriteLeadsToItsObject(t *testing.T) {
	for resource, want := range map[string]string{"Users/ada-x": "users/ada-x", "Groups/g": "groups/g", "Users": "", "Users/": "", "Users/a/b": "users/a%2Fb", "Bulk": "", "../x": ""} {
		if got := refusedPage(v1alpha1.RefusedWrite{Resource: resource}); got != want {
			t.Errorf("%s leads to %q", resource, got)
		}
	}
}

// An acknowledgement is a change of the directory by the program that has turned the switch, long before.
func TestSwitchHasTheTimeOfTheSwitch(t *testing.T) {
	at, later := metav1.NewTime(noon), metav1.NewTime(noon.Add(time.Hour))
	d := &v1alpha1.CloudSSODirectory{}
	d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
	d.Status.SCIMSynchronization, d.Status.SwitchedAt = v1alpha1.SynchronizationEnabled, &at
	d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-cloudsso", Time: &later, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:scimSynchronization":{}}}`)}}
	if w := switchWriter(d); w.Manager != "kubectl-cloudsso" || !w.Time.Equal(&at) {
		t.Errorf("got %+v", w)
	}
	d.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
	if w := switchWriter(d); w.Time != nil {
		t.Errorf("the operator has not seen the switch, but it has the time %s", w.Time)
	}
}

func TestLastUsedFirst(t *testing.T) {
	used := func(name string, days int) (c v1alpha1.SCIMCredential) {
		c.Name = name
		if days > 0 {
			c.Status.LastUsedTime = &metav1.Time{Time: noon.AddDate(0, 0, -days)}
		}
		return c
	}
	got := lastUsedFirst([]v1alpha1.SCIMCredential{used("never", 0), used("long-ago", 9), used("now", 1)})
	if got[0].Name != "now" || got[1].Name != "long-ago" || got[2].Name != "never" {
		t.Errorf("got %s, %s, %s", got[0].Name, got[1].Name, got[2].Name)
	}
}

// The parameters of a link stay parameters, so that the next part is found without JavaScript too.
func TestRestLinksWithoutJavaScript(t *testing.T) {
	d := directoryList{Rows: chunk[*v1alpha1.CloudSSODirectory]{Next: "to&ken", Remaining: -1, Hits: []*v1alpha1.CloudSSODirectory{{}}}}
	v := &view{Data: d, template: "directories"}
	var out bytes.Buffer
	if err := templates["directories"].ExecuteTemplate(&out, "rows", v); err != nil {
		t.Fatal(err)
	}
	if want := `href="/directories?continue=to%26ken"`; !strings.Contains(out.String(), want) {
		t.Errorf("no %s in %s", want, out.String())
	}
}

// A form acknowledges the writes that it showed: each further refusal makes it another one, in the same second too.
func TestRefusalsOf(t *testing.T) {
	shown := &v1alpha1.RefusedWrites{Count: 2, Last: []v1alpha1.RefusedWrite{{Time: metav1.NewTime(noon)}, {Time: metav1.NewTime(noon.Add(-time.Hour))}}}
	if got, want := refusalsOf(shown), "2 2027-01-31T12:00:01Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	later, another := shown.DeepCopy(), shown.DeepCopy()
	later.Last[0].Time, another.Count = metav1.NewTime(noon.Add(time.Minute)), 3
	for _, further := range []*v1alpha1.RefusedWrites{later, another} {
		if refusalsOf(further) == refusalsOf(shown) {
			t.Errorf("%+v is taken for %+v", further, shown)
		}
	}
}

// An operator of an earlier version counts users without effect together.
func TestUsersWithoutEffectAreCountedApart(t *testing.T) {
	counted := func(u *v1alpha1.UserCounts) overview {
		return overview{Directory: &v1alpha1.CloudSSODirectory{Status: v1alpha1.CloudSSODirectoryStatus{Users: u}}}
	}
	got := counted(&v1alpha1.UserCounts{Disabled: 7, Suspended: new(int32(2)), Conflict: new(int32(1))}).Apart()
	if len(got) != 3 || got[0].Count != 4 || got[1].Count != 2 || got[2].Count != 1 {
		t.Errorf("got %+v", got)
	}
	for _, u := range []*v1alpha1.UserCounts{nil, {Disabled: 7}} {
		if got := counted(u).Apart(); got != nil {
			t.Errorf("%+v: got %+v", u, got)
		}
	}
}
