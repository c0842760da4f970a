package chaos

import (
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// sampleBinding returns the binding of assignment x in namespace n.
func sampleBinding(subjects ...string) (b rbacv1.RoleBinding) {
	b.Namespace, b.Name, b.Labels = "n", "cloudsso:acme:x:0", map[string]string{v1alpha1.LabelAssignment: "x"}
	b.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: grantedRole}
	for _, s := range subjects {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: s})
	}
	return b
}

// sampleAccess returns group g with the members u and v, and an assignment to it.
func sampleAccess() Objects {
	a := *newAssignment("x", 0, v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "G"}, []string{"n"})
	a.Name, a.Status.Users, a.Status.Principal = "x", new(int32(2)), &v1alpha1.PinnedPrincipal{Name: "g"}
	a.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}, {Type: v1alpha1.ConditionEffective, Status: metav1.ConditionTrue},
	}
	g := v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "G", Members: list("u", "v")}}
	g.Name = "g"
	return Objects{
		Users: []v1alpha1.CloudSSOUser{sampleUser("u", "U"), sampleUser("v", "v"), sampleUser("w", "w")}, Groups: []v1alpha1.CloudSSOGroup{g},
		Assignments: []v1alpha1.CloudSSOAccessAssignment{a}, Bindings: []rbacv1.RoleBinding{sampleBinding("oidc:u", "oidc:v")},
	}
}

func TestBindingsHaveExactlyTheEffectiveUsers(t *testing.T) {
	none := metav1.ConditionFalse
	toUser := func(o *Objects, principal v1alpha1.AccessPrincipal, pinned string) {
		principal.Kind = v1alpha1.PrincipalUser
		o.Assignments[0].Spec.Principal, o.Assignments[0].Status.Principal = principal, &v1alpha1.PinnedPrincipal{Name: pinned}
	}
	withoutUsers := func(o *Objects, principal string) {
		status := &o.Assignments[0].Status
		status.Users, status.Conditions[1].Status, o.Bindings = new(int32(0)), none, nil
		if principal == "" {
			status.Conditions[0].Status = none
		}
	}
	for _, tt := range []struct {
		label, wrong string
		change       func(o *Objects)
	}{
		{"as it should be", "", func(*Objects) {}},
		{"a member lacks access", `lack "oidc:u" and have "" too much`, func(o *Objects) { o.Bindings[0] = sampleBinding("oidc:v") }},
		{"another user has access", `lack "" and have "oidc:w" too much`, func(o *Objects) { o.Bindings[0] = sampleBinding("oidc:u", "oidc:v", "oidc:w") }},
		{"a disabled member has access", `have "oidc:u" too much`, func(o *Objects) { o.Users[0].Spec.Active = new(false) }},
		{"a suspended member has access", `have "oidc:u" too much`, func(o *Objects) { o.Users[0].Spec.Suspended = true }},
		{"a deprovisioned member has access", `have "oidc:u" too much`, func(o *Objects) { o.Users[0].Spec.DeprovisionedAt = new(metav1.Now()) }},
		{"a member that does not hold its name has access", `have "oidc:u" too much`, func(o *Objects) { o.Users[2].Spec.UserName = "u" }},
		{"a member of source Manual has access", `have "oidc:u" too much`, func(o *Objects) {
			o.Users[0].Spec.Source, o.Users[0].Status.ClaimedName = v1alpha1.SourceManual, "U"
		}},
		{"no binding", `lack "oidc:u,oidc:v"`, func(o *Objects) { o.Bindings = nil }},
		{"a binding of no assignment", "grants nothing there", func(o *Objects) { o.Assignments = nil }},
		{"a binding in another namespace", "grants nothing there", func(o *Objects) { o.Assignments[0].Spec.Target.Namespaces = nil }},
		{"a binding without a subject", "has 0 subjects", func(o *Objects) { o.Bindings = append(o.Bindings, sampleBinding()) }},
		{"a subject twice", "has it twice", func(o *Objects) { o.Bindings = append(o.Bindings, sampleBinding("oidc:u")) }},
		{"a group as subject", "which is no user", func(o *Objects) { o.Bindings[0].Subjects[0].Kind = rbacv1.GroupKind }},
		{"another role", "grants", func(o *Objects) { o.Bindings[0].RoleRef.Name = "admin" }},
		{"the group is gone", `have "oidc:u,oidc:v" too much`, func(o *Objects) { o.Groups = nil }},
		{"the group is gone, and so is the access", "", func(o *Objects) { withoutUsers(o, ""); o.Groups = nil }},
		{"another group has its name", "", func(o *Objects) { withoutUsers(o, ""); o.Groups[0].Name = "h" }},
		{"the count is old", "counts another number", func(o *Objects) { o.Assignments[0].Status.Users = nil }},
		{"the condition is old", "Effective should be true", func(o *Objects) { o.Assignments[0].Status.Conditions[1].Status = none }},
		{"to a user, whose name another one has", `lack "" and have "oidc:v" too much`, func(o *Objects) { toUser(o, v1alpha1.AccessPrincipal{UserName: "w"}, "u") }},
		{"the time is over", `have "oidc:u,oidc:v" too much`, func(o *Objects) { o.Assignments[0].Spec.ExpiresAt = &metav1.Time{Time: o.ReadAt} }},
		{"the time is over, and so is the access", "", func(o *Objects) {
			withoutUsers(o, "g")
			o.Groups, o.Assignments[0].Spec.ExpiresAt = nil, &metav1.Time{Time: o.ReadAt}
		}},
		{"the time has not come", `have "oidc:u,oidc:v" too much`, func(o *Objects) { o.Assignments[0].Spec.NotBefore = &metav1.Time{Time: o.ReadAt.Add(time.Second)} }},
		{"the time has come", "", func(o *Objects) { o.Assignments[0].Spec.NotBefore = &metav1.Time{Time: o.ReadAt} }},
		{"to a user that is not found yet", `lack "oidc:w"`, func(o *Objects) {
			toUser(o, v1alpha1.AccessPrincipal{UserName: "w"}, "")
			o.Assignments[0].Status.Principal = nil
		}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := sampleAccess()
			tt.change(&o)
			all := strings.Join(o.unsettledAccess(), "; ")
			if !strings.Contains(all, tt.wrong) || tt.wrong == "" && all != "" {
				t.Errorf("%q, want %q", all, tt.wrong)
			}
		})
	}
}
