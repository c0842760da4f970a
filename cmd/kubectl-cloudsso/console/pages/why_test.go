package pages

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// disabled returns a user without effect since noon, whose field active a manager owns, and that a request has written last.
func disabled(manager string, lastRequest time.Time) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{}
	u.Spec.Active = new(false)
	u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse, LastTransitionTime: metav1.NewTime(noon)}}
	u.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Time: new(metav1.NewTime(noon)), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:active":{}}}`)}}
	policy.SetLastChange(u, policy.LastChange{Cause: "Modify", Credential: "okta", RequestID: "request-1"}, lastRequest)
	return u
}

func TestDisabledUserNamesTheRequest(t *testing.T) {
	for name, test := range map[string]struct {
		manager            string
		request            time.Time
		hasRequest, isLate bool
		by, reason         string
	}{
		"of the same second":          {policy.FieldManager, noon, true, false, "", text("without.Disabled")},
		"of a moment before":          {policy.FieldManager, noon.Add(-2 * time.Second), true, false, "", text("without.Disabled")},
		"that a later one has hidden": {policy.FieldManager, noon.Add(time.Hour), false, true, "", text("without.Disabled")},
		"by hand":                     {"kubectl-edit", noon, false, false, "kubectl-edit", text("without.byHand")},
	} {
		t.Run(name, func(t *testing.T) {
			w := whyOf(disabled(test.manager, test.request))
			if (w.Request != nil) != test.hasRequest || w.Later != test.isLate || (w.By == nil) != (test.by == "") || w.By != nil && w.By.FieldManager != test.by {
				t.Errorf("got %+v", w)
			}
			if !w.Since.Time.Equal(noon) || w.Reason != test.reason {
				t.Errorf("got %+v", w)
			}
		})
	}
}

func TestWithheldDeactivationNamesItsRequest(t *testing.T) {
	u := &v1alpha1.CloudSSOUser{}
	u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDelete, Since: metav1.NewTime(noon), Credential: "okta", RequestID: "request-2"}
	w := whyOf(u)
	if w.State != v1alpha1.UserActive || w.Request == nil || *w.Request != (policy.LastChange{Cause: "Delete", Credential: "okta", RequestID: "request-2"}) {
		t.Errorf("got %+v", w)
	}
}

func TestSuspendedUserNamesTheFieldManager(t *testing.T) {
	u := disabled("kubectl-patch", noon)
	u.Spec.Active, u.Spec.Suspended = nil, true
	u.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1(`{"f:spec":{"f:suspended":{}}}`)
	if w := whyOf(u); w.State != v1alpha1.UserSuspended || w.By == nil || w.By.FieldManager != "kubectl-patch" || w.Request != nil {
		t.Errorf("got %+v", w)
	}
}

func TestActiveUserHasNothingToExplain(t *testing.T) {
	if w := whyOf(&v1alpha1.CloudSSOUser{}); w.Reason != "" || w.Do != "" || w.Request != nil {
		t.Errorf("got %+v", w)
	}
}

func TestHistoryIsNewestFirst(t *testing.T) {
	u := disabled("kubectl-edit", noon.Add(time.Hour))
	u.CreationTimestamp = metav1.NewTime(noon.Add(-time.Hour))
	event := corev1.Event{Reason: "Disabled", Message: "the user has no effect", LastTimestamp: metav1.NewTime(noon.Add(2 * time.Hour)), ReportingController: policy.FieldManager}
	h := historyOf(u, []corev1.Event{event})
	for want, rows := range map[string][]happening{
		"Event: Disabled, SCIM request: Modify, Created": h.Events,
		"Has effect (Effective): No, Spec last written":  h.More,
	} {
		var whats []string
		for _, row := range rows {
			whats = append(whats, row.What)
		}
		if got := strings.Join(whats, ", "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if r := h.Events[1]; r.Credential != "okta" || r.RequestID != "request-1" {
		t.Errorf("got %+v", r)
	}
	if r := h.Events[0]; r.By != "the operator" {
		t.Errorf("got %+v", r)
	}
	if r := h.More[1]; r.By != "the program kubectl-edit" || r.Detail != "Fields: active" {
		t.Errorf("got %+v", r)
	}
}

func TestAuthorsAreNamedInWords(t *testing.T) {
	for manager, want := range map[string]string{
		policy.FieldManager:               "the operator",
		plugin.FieldManager + "/ada@acme": "ada@acme",
		plugin.FieldManager:               "the program kubectl-cloudsso",
		"kubectl-edit":                    "the program kubectl-edit",
		"":                                "a program without a name",
	} {
		if got := authorText(manager); got != want {
			t.Errorf("%s is said to be %s", manager, got)
		}
	}
	for _, known := range []string{policy.FieldManager, plugin.FieldManager + "/ada@acme"} {
		if isUnknownPerson(known) {
			t.Errorf("the audit log is said to know more of %s", known)
		}
	}
}

// A decision is about the deactivation that its page has shown, and about no other of the user.
func TestDecisionIsAboutWhatWasShown(t *testing.T) {
	shown := func(change func(*v1alpha1.WithheldDeactivation)) string {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Name: "ada", UID: "uid"}}
		u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, Since: metav1.NewTime(noon), RequestID: "request-1"}
		change(u.Spec.Withheld)
		return decision{User: u}.Shown()
	}
	before := shown(func(*v1alpha1.WithheldDeactivation) {})
	if again := shown(func(*v1alpha1.WithheldDeactivation) {}); again != before {
		t.Errorf("the same deactivations are %s and %s", before, again)
	}
	for name, change := range map[string]func(*v1alpha1.WithheldDeactivation){
		"a deletion":      func(w *v1alpha1.WithheldDeactivation) { w.What = v1alpha1.DeactivationDelete },
		"later":           func(w *v1alpha1.WithheldDeactivation) { w.Since = metav1.NewTime(noon.Add(time.Second)) },
		"another request": func(w *v1alpha1.WithheldDeactivation) { w.RequestID = "request-2" },
	} {
		if shown(change) == before {
			t.Errorf("%s is taken for what was shown", name)
		}
	}
}

// A key without a text panics.
func TestTextsThatArePutTogetherExist(t *testing.T) {
	for _, decided := range decisions {
		for _, key := range []string{"decide.title", "decide.do", "decide.effectAll", "approvals.decided", "done.", "decide."} {
			text(key + string(decided))
		}
		text("decide.title" + string(decided) + "All")
		for _, what := range []v1alpha1.Deactivation{v1alpha1.DeactivationDisable, v1alpha1.DeactivationDelete} {
			text("decide.effect" + string(decided) + string(what))
			text("withheld." + string(what))
		}
	}
	for _, done := range []string{"suspended", "lifted", "deleted"} {
		text("done." + done)
	}
}
