package pages

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// happening is a row of a user's history.
type happening struct {
	Time time.Time
	What string
	// By is who or what has done it; "" if that is not known.
	By         string
	Detail     string
	Credential string
	RequestID  string
}

// history is what is known of the past of a user, newest first.
type history struct {
	// Events are SCIM requests, Events and what a person has done to the user.
	Events []happening
	// More are the conditions and the field managers.
	More []happening
}

// maxEvents is how many Events of a user are read: the API server keeps them for an hour by default.
const maxEvents = 200

// readEvents reads the Events of a user.
func (r *request) readEvents(u *v1alpha1.CloudSSOUser) ([]corev1.Event, error) {
	var events corev1.EventList
	err := r.Client.List(r.Context(), &events, client.InNamespace(u.Namespace),
		client.MatchingFields{"involvedObject.uid": string(u.UID)}, client.Limit(maxEvents))
	return events.Items, err
}

// historyOf returns what is known of the past of a user.
func historyOf(u *v1alpha1.CloudSSOUser, events []corev1.Event) history {
	h := history{Events: milestonesOf(u)}
	for _, c := range u.Status.Conditions {
		what := text("history.condition", conditionName(c.Type), text("condition."+string(c.Status)))
		h.More = append(h.More, happening{Time: c.LastTransitionTime.Time, What: what, By: text("by.operator"), Detail: plugin.JoinNonEmpty(": ", c.Reason, c.Message)})
	}
	for i := range events {
		e := &events[i]
		by := authorText(cmp.Or(e.ReportingController, e.Source.Component))
		h.Events = append(h.Events, happening{Time: plugin.EventTime(e), What: text("history.event", e.Reason), By: by, Detail: e.Message})
	}
	for _, entry := range u.ManagedFields {
		if fields := plugin.SpecFieldsOf(entry); entry.Time != nil && len(fields) > 0 {
			detail := text("history.fields", strings.Join(fields, ", "))
			h.More = append(h.More, happening{Time: entry.Time.Time, What: text("history.written"), By: authorText(entry.Manager), Detail: detail})
		}
	}
	for _, rows := range [][]happening{h.Events, h.More} {
		slices.SortStableFunc(rows, func(a, b happening) int { return b.Time.Compare(a.Time) })
	}
	return h
}

// authorText says in words which person or program a field manager is, or a controller that reports Events.
func authorText(manager string) string {
	switch person := plugin.PersonOf(manager); {
	case person != "":
		return person
	case manager == "":
		return text("by.unnamed")
	case manager == policy.FieldManager:
		return text("by.operator")
	default:
		return text("by.program", manager)
	}
}

// isUnknownPerson reports whether a field manager is a program that does not name the person who has used it.
func isUnknownPerson(manager string) bool {
	return manager != policy.FieldManager && plugin.PersonOf(manager) == ""
}

// milestonesOf returns what the object itself records with a time.
func milestonesOf(u *v1alpha1.CloudSSOUser) (rows []happening) {
	if change, known := policy.LastChangeOf(u); known {
		rows = append(rows, happening{
			Time: instant(change.Time), What: text("history.request", change.Cause), By: text("history.provider"),
			Credential: change.Credential, RequestID: change.RequestID,
		})
	}
	if w := u.Spec.Withheld; w != nil {
		rows = append(rows, happening{
			Time: w.Since.Time, What: text("history.withheld", w.What), By: text("history.provider"), Credential: w.Credential, RequestID: w.RequestID,
		})
	}
	if by := plugin.WriterOf(u, "suspended"); by != nil && u.Spec.Suspended {
		rows = append(rows, happening{Time: instant(by.Time), What: text("history.suspended"), By: authorText(by.FieldManager)})
	}
	for what, at := range map[string]*metav1.Time{
		text("history.deprovisioned"): u.Spec.DeprovisionedAt,
		text("history.deleting"):      u.DeletionTimestamp,
		text("history.created"):       &u.CreationTimestamp,
	} {
		if !at.IsZero() {
			rows = append(rows, happening{Time: at.Time, What: what})
		}
	}
	return rows
}
