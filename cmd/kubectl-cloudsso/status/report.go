package status

import (
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// report is what status shows.
type report struct {
	Directory   *v1alpha1.CloudSSODirectory
	Credentials []v1alpha1.SCIMCredential
	Next        []string
	now         time.Time
}

func writeText(w io.Writer, r report) error {
	d, s := r.Directory, r.Directory.Status
	fmt.Fprintf(w, "Directory:        %s\n", d.Namespace)
	fmt.Fprintf(w, "Synchronization:  %s%s%s\n", d.Spec.SCIMSynchronization, since(s.SwitchedAt), until(d.Spec.ResumeAt))
	fmt.Fprintf(w, "Endpoint:         %s\n", plugin.OrNone(s.Endpoint))
	fmt.Fprintf(w, "Connection:       %s%s\n", connectionWords[plugin.ConnectionOf(d, r.now)], r.lastRequest(s.LastRequestTime))
	if u := s.Users; u != nil {
		fmt.Fprintf(w, "Users:            %d active, %d disabled%s, %d deprovisioned; %d synchronized, %d manual%s\n",
			u.Active, u.Disabled, among(u.Suspended, u.Conflict), u.Deprovisioned, u.SCIM, u.Manual, held(u.DeletionHeld))
	}
	if g := s.Groups; g != nil {
		fmt.Fprintf(w, "Groups:           %d synchronized, %d manual%s\n", g.SCIM, g.Manual, held(g.DeletionHeld))
	}
	if missed := policy.MissedWrites(d, r.now); missed != nil {
		fmt.Fprintf(w, "Refused writes:   %d\n", missed.Count)
	}
	if err := r.writeConditions(w); err != nil {
		return err
	}
	if err := r.writeCredentials(w); err != nil {
		return err
	}
	fmt.Fprintln(w, "Next:")
	for _, sentence := range r.Next {
		fmt.Fprintf(w, "  - %s\n", plugin.Printable(sentence))
	}
	return nil
}

func (r report) writeConditions(w io.Writer) error {
	if len(r.Directory.Status.Conditions) == 0 {
		fmt.Fprintln(w, "Conditions:       <none>")
		return nil
	}
	fmt.Fprintln(w, "Conditions:")
	table := printers.GetNewTabWriter(w)
	fmt.Fprintln(table, "  TYPE\tSTATUS\tREASON\tMESSAGE")
	for _, c := range r.Directory.Status.Conditions {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", plugin.Printable(c.Type), c.Status, plugin.Printable(c.Reason), plugin.OrNone(c.Message))
	}
	return table.Flush()
}

func (r report) writeCredentials(w io.Writer) error {
	if len(r.Credentials) == 0 {
		fmt.Fprintln(w, "Credentials:      <none>")
		return nil
	}
	fmt.Fprintln(w, "Credentials:")
	table := printers.GetNewTabWriter(w)
	fmt.Fprintln(table, "  NAME\tUSABLE\tREASON\tEXPIRES\tLAST USED")
	for i := range r.Credentials {
		c := &r.Credentials[i]
		status, reason := metav1.ConditionUnknown, ""
		if usable := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionUsable); usable != nil {
			status, reason = usable.Status, usable.Reason
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", c.Name, status, plugin.OrNone(reason), r.ahead(c.Spec.ExpiresAt), r.ago(c.Status.LastUsedTime))
	}
	return table.Flush()
}

// connectionWords say whether the identity provider's connection works.
var connectionWords = map[plugin.Connection]string{
	plugin.ConnectionWorking:   "Working",
	plugin.ConnectionOff:       "Off, because the directory is not served",
	plugin.ConnectionRefused:   "Refused, because no credential is usable",
	plugin.ConnectionNeverUsed: "Not used yet",
	plugin.ConnectionSilent:    "Silent",
}

// lastRequest returns when the last request came; "" before the first.
func (r report) lastRequest(at *metav1.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", last request " + r.ago(at)
}

func since(at *metav1.Time) string {
	if at.IsZero() {
		return ""
	}
	return " since " + at.UTC().Format(time.RFC3339)
}

// until returns when the operator turns the switch on.
func until(at *metav1.Time) string {
	if at.IsZero() {
		return ""
	}
	return " until " + at.UTC().Format(time.RFC3339)
}

// among returns which of the disabled users are suspended or in conflict; "" if an older operator counts them together.
func among(suspended, conflict *int32) string {
	if suspended == nil || conflict == nil {
		return ""
	}
	return fmt.Sprintf(" (%d of them suspended, %d in conflict)", *suspended, *conflict)
}

func held(objects int32) string {
	if objects == 0 {
		return ""
	}
	return fmt.Sprintf("; the deletion of %d waits until synchronization is Disabled", objects)
}

// ago returns how long ago a time was, as kubectl writes it.
func (r report) ago(at *metav1.Time) string {
	if at.IsZero() {
		return "never"
	}
	return duration.HumanDuration(max(0, r.now.Sub(at.Time))) + " ago"
}

// ahead returns in how long a time will be.
func (r report) ahead(at *metav1.Time) string {
	switch {
	case at.IsZero():
		return "<none>"
	case !r.now.Before(at.Time):
		return duration.HumanDuration(r.now.Sub(at.Time)) + " ago"
	}
	return "in " + duration.HumanDuration(at.Sub(r.now))
}
