package pages

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// assignmentResource is the resource of access assignments.
const assignmentResource = "cloudssoaccessassignments"

// assignmentList is the page of access assignments.
type assignmentList struct {
	// Temporary says that the page has only assignments with an end that has not come, the soonest first.
	Temporary bool
	Rows      chunk[*v1alpha1.CloudSSOAccessAssignment]
	// More is how many further assignments have an end.
	More int
	// Notice says why assignments are not carried out; "" if they are.
	Notice string
}

// access is the page of access assignments: the first of them, or those with an end.
func (c *console) access(r *request) (*view, error) {
	list := assignmentList{Temporary: r.URL.Query().Get("temporary") != ""}
	var err error
	if list.Temporary {
		err = r.readTemporary(&list)
	} else {
		list.Rows, err = r.readAssignments()
	}
	list.Notice = accessNotice(r.now, list.Rows.Hits...)
	return &view{Title: text("access.title"), template: "access", Data: list}, err
}

// accessRows is the next part of the list, for the page that has the part before.
func (c *console) accessRows(r *request) (*view, error) {
	rows, err := r.readAssignments()
	return &view{template: "access", part: "rows", Data: assignmentList{Rows: rows}}, err
}

func (r *request) readAssignments() (chunk[*v1alpha1.CloudSSOAccessAssignment], error) {
	var page v1alpha1.CloudSSOAccessAssignmentList
	return readChunk(r, &page, true, func() (hits []*v1alpha1.CloudSSOAccessAssignment) {
		for i := range page.Items {
			hits = append(hits, &page.Items[i])
		}
		return hits
	}, listOptions(r, "")...)
}

// readTemporary reads all assignments and keeps those with the soonest ends, because the API server does not sort.
func (r *request) readTemporary(list *assignmentList) error {
	var page v1alpha1.CloudSSOAccessAssignmentList
	ends := soonest{now: r.now}
	err := plugin.EachPage(r.Context(), r.Client, &page, func() bool {
		for i := range page.Items {
			ends.add(&page.Items[i])
		}
		return true
	}, client.InNamespace(r.namespace()))
	list.Rows.Hits, list.Rows.Remaining = ends.kept, -1
	list.More = ends.count - len(ends.kept)
	return err
}

// soonest keeps the assignments whose ends come next, as many as a page shows.
type soonest struct {
	now   time.Time
	kept  []*v1alpha1.CloudSSOAccessAssignment
	count int // of all with an end
}

func (s *soonest) add(a *v1alpha1.CloudSSOAccessAssignment) {
	if a.Spec.ExpiresAt == nil || !s.now.Before(a.Spec.ExpiresAt.Time) {
		return
	}
	s.count++
	at, _ := slices.BinarySearchFunc(s.kept, a, func(kept, a *v1alpha1.CloudSSOAccessAssignment) int {
		return cmp.Or(kept.Spec.ExpiresAt.Compare(a.Spec.ExpiresAt.Time), cmp.Compare(kept.Name, a.Name))
	})
	if at < pageRows {
		s.kept = slices.Insert(s.kept, at, a.DeepCopy()) // a pointer into a page of the list would keep the whole page
		s.kept = s.kept[:min(len(s.kept), pageRows)]
	}
}

// grantPage is the page of one access assignment.
type grantPage struct {
	Assignment *v1alpha1.CloudSSOAccessAssignment
	// TrackedBy is the tool that applies the assignment; "" if a person does.
	TrackedBy string
	// Notice says why it is not carried out; "" if it is.
	Notice string
}

func (c *console) assignment(r *request) (*view, error) {
	a := &v1alpha1.CloudSSOAccessAssignment{}
	if err := r.Client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace(), Name: r.PathValue("name")}, a); err != nil {
		return nil, err
	}
	return &view{Title: a.Name, template: "assignment", Data: grantPage{a, plugin.TrackedBy(a), accessNotice(r.now, a)}}, nil
}

// principalText returns how an assignment names its principal, in words.
func principalText(p v1alpha1.AccessPrincipal) string {
	kind := "group"
	if p.Kind == v1alpha1.PrincipalUser {
		kind = "user"
	}
	if p.ExternalID != "" {
		return text("principal."+kind+"ByExternalID", p.ExternalID)
	}
	return text("principal."+kind, cmp.Or(p.DisplayName, p.UserName, p.Name))
}

// principalAddress returns the page of the object that an assignment has found; "" if it has found none.
func principalAddress(a *v1alpha1.CloudSSOAccessAssignment) string {
	if a.Status.Principal == nil {
		return ""
	}
	list := "groups/"
	if a.Spec.Principal.Kind == v1alpha1.PrincipalUser {
		list = "users/"
	}
	return directoryAddress(a.Namespace, list+a.Status.Principal.Name)
}

// targetText returns where an assignment grants, in words.
func targetText(t v1alpha1.AccessTarget) string {
	switch {
	case t.Cluster != nil:
		return text("target.cluster")
	case t.NamespaceSelector != nil:
		selector := metav1.FormatLabelSelector(t.NamespaceSelector.LabelSelector())
		if len(t.NamespaceSelector.MatchLabels)+len(t.NamespaceSelector.MatchExpressions) == 0 {
			return text("target.all")
		}
		return text("target.selector", selector)
	}
	if len(t.Namespaces) == 1 {
		return text("target.namespace", t.Namespaces[0])
	}
	return text("target.namespaces", strings.Join(t.Namespaces, ", "))
}

// grants is what an assignment does now.
type grants struct {
	// Yes says that users have the role through it.
	Yes bool
	// Text says what it does, or why it does nothing.
	Text string
}

// grantsOf returns what an assignment does now, as its conditions say.
func grantsOf(a *v1alpha1.CloudSSOAccessAssignment) grants {
	effective := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionEffective)
	switch {
	case effective == nil:
		return grants{Text: text("condition.unknown")}
	case effective.Status == metav1.ConditionTrue:
		return grants{true, text("access.granted")}
	}
	return grants{Text: conditionText(a.Status.Conditions, v1alpha1.ConditionEffective)}
}

// assignmentPatience is how long the operator may take to look at a new assignment: it needs a second, and after a restart some more.
const assignmentPatience = time.Minute

// accessNotice returns why assignments are not carried out, in words; "" if they are, or if they are new.
func accessNotice(now time.Time, assignments ...*v1alpha1.CloudSSOAccessAssignment) string {
	for _, a := range assignments {
		effective := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionEffective)
		switch {
		case effective == nil && now.Sub(a.CreationTimestamp.Time) > assignmentPatience:
			return text("access.unread")
		case effective != nil && effective.Reason == v1alpha1.ReasonAccessNotInstalled:
			return text("access.missing")
		}
	}
	return ""
}
