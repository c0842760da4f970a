package access_test

import (
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func changedBy(id, at string) map[string]string {
	return map[string]string{v1alpha1.AnnotationLastChange: `{"cause":"Modify","credential":"okta","requestID":"` + id + `","time":"` + at + `"}`}
}

// newInventory returns two developers, one of them disabled, with the role view in the namespaces dev and test, and edit
// in the cluster for one of them until a day. The other keeps a subject that should be gone.
func newInventory() access.Inventory {
	ada := newUser("ada-1", called("Ada"))
	ada.Annotations = changedBy("request-1", "2027-01-30T12:00:00Z")
	bob := newUser("bob-1", called("bob"), func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) })
	bob.Annotations = changedBy("request-3", "2027-02-01T12:00:00Z")
	group := v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Name: "developers-1", Annotations: changedBy("request-2", "2027-01-31T12:00:00Z")},
		Spec:       v1alpha1.CloudSSOGroupSpec{DisplayName: "Developers", Members: []v1alpha1.Member{{Name: "ada-1"}}},
	}
	slice := v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "developers-1-s"},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Group: "developers-1", Members: []v1alpha1.Member{{Name: "bob-1"}}},
	}
	until := metav1.NewTime(time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC))
	view := newAssignment("view", v1alpha1.PrincipalGroup, "developers-1")
	edit := newAssignment("edit", v1alpha1.PrincipalUser, "ada-1")
	edit.Spec.ExpiresAt = &until
	return access.Inventory{
		IsSameName: strings.EqualFold,
		Directory: &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{
			KubernetesUsername: &v1alpha1.KubernetesUsername{Prefix: "oidc:", Lowercase: true},
		}},
		Users:       []v1alpha1.CloudSSOUser{*bob, *ada},
		Groups:      []v1alpha1.CloudSSOGroup{group},
		Slices:      []v1alpha1.CloudSSOMembershipSlice{slice},
		Assignments: []v1alpha1.CloudSSOAccessAssignment{view, edit},
		RoleBindings: []rbacv1.RoleBinding{
			newBinding("test", "view", "CloudSSOGroup/developers-1", "oidc:ada"),
			newBinding("dev", "view", "CloudSSOGroup/developers-1", "oidc:ada", "oidc:eve"),
		},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{{
			ObjectMeta: newBinding("", "edit", "CloudSSOUser/ada-1").ObjectMeta,
			Subjects:   access.Subjects([]string{"oidc:ada"}), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "edit"},
		}},
	}
}

func newAssignment(role string, kind v1alpha1.PrincipalKind, principal string) v1alpha1.CloudSSOAccessAssignment {
	return v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: kind, Name: principal},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: role},
		},
		Status: v1alpha1.CloudSSOAccessAssignmentStatus{Principal: &v1alpha1.PinnedPrincipal{Name: principal}},
	}
}

func newBinding(namespace, assignment, principal string, names ...string) rbacv1.RoleBinding {
	return rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: access.BindingName("acme", assignment, 0),
			Labels:      map[string]string{v1alpha1.LabelDirectory: "acme", v1alpha1.LabelAssignment: assignment},
			Annotations: map[string]string{v1alpha1.AnnotationPrincipal: principal},
		},
		Subjects: access.Subjects(names), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: assignment},
	}
}

func TestReview(t *testing.T) {
	modified := func(id, at string) policy.LastChange {
		return policy.LastChange{Cause: "Modify", Credential: "okta", RequestID: id, Time: at}
	}
	viewOfAda := access.Grant{
		User: "ada-1", UserName: "Ada", KubernetesUsername: "oidc:ada", Role: "ClusterRole/view", Namespace: "dev",
		Group: "developers-1", GroupName: "Developers", Assignment: "view", Binding: "cloudsso:acme:view:0",
		ChangedObject: "CloudSSOGroup/developers-1", LastChange: modified("request-2", "2027-01-31T12:00:00Z"),
	}
	elsewhere := viewOfAda
	elsewhere.Namespace = "test"
	want := []access.Grant{
		{KubernetesUsername: "oidc:eve", Role: "ClusterRole/view", Namespace: "dev", Group: "developers-1", Assignment: "view", Binding: "cloudsso:acme:view:0"},
		{
			User: "ada-1", UserName: "Ada", KubernetesUsername: "oidc:ada", Role: "ClusterRole/edit",
			Assignment: "edit", Binding: "cloudsso:acme:edit:0", ExpiresAt: "2027-03-01T00:00:00Z",
			ChangedObject: "CloudSSOUser/ada-1", LastChange: modified("request-1", "2027-01-30T12:00:00Z"),
		},
		viewOfAda, elsewhere,
	}
	expectGrants(t, access.Review(newInventory()), want)
}

func TestReviewOfOneUser(t *testing.T) {
	if got := access.ReviewOf(newInventory(), "ada-1"); len(got) != 3 {
		t.Errorf("ada has %d grants: %+v", len(got), got)
	}
	withheld := access.Grant{
		User: "bob-1", UserName: "bob", Role: "ClusterRole/view", Group: "developers-1", GroupName: "Developers", Assignment: "view",
		Reason: "the user has no effect (Disabled)", ChangedObject: "CloudSSOUser/bob-1",
		LastChange: policy.LastChange{Cause: "Modify", Credential: "okta", RequestID: "request-3", Time: "2027-02-01T12:00:00Z"},
	}
	expectGrants(t, access.ReviewOf(newInventory(), "bob-1"), []access.Grant{withheld})
}

func TestSubjectOfAUserWithoutEffectIsStillShown(t *testing.T) {
	inventory := newInventory()
	inventory.RoleBindings = []rbacv1.RoleBinding{newBinding("dev", "view", "CloudSSOGroup/developers-1", "oidc:bob")}
	got := access.ReviewOf(inventory, "bob-1")
	if len(got) != 1 || got[0].Binding == "" || got[0].Namespace != "dev" || got[0].Reason != "the user has no effect (Disabled)" {
		t.Errorf("got %+v", got)
	}
}

func TestAssignmentThatHasNotFoundItsPrincipalIsShown(t *testing.T) {
	changed := []metav1.Condition{{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPrincipalChanged, Message: "confirm it"}}
	for _, pinned := range []*v1alpha1.PinnedPrincipal{nil, {Name: "developers-0"}} {
		inventory := newInventory()
		inventory.RoleBindings, inventory.Assignments = nil, inventory.Assignments[:1]
		inventory.ClusterRoleBindings = nil
		a := &inventory.Assignments[0]
		a.Spec.Principal = v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "DEVELOPERS"}
		a.Status.Principal, a.Status.Conditions = pinned, changed
		inventory.Groups[0].Spec.Source = v1alpha1.SourceSCIM
		got := access.ReviewOf(inventory, "ada-1")
		if len(got) != 1 || got[0].Group != "developers-1" || got[0].Reason != "PrincipalChanged: confirm it" {
			t.Errorf("pinned %v: got %+v", pinned, got)
		}
	}
}

func TestReasonThatNothingIsGranted(t *testing.T) {
	missing := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRoleNotFound, Message: "there is no ClusterRole view"}}
	for _, test := range []struct {
		name   string
		change func(*access.Inventory)
		want   string
	}{
		{"a condition", func(i *access.Inventory) { i.Assignments[0].Status.Conditions = missing }, "RoleNotFound: there is no ClusterRole view"},
		{"none", func(*access.Inventory) {}, "not granted yet"},
		{"two users of one name", func(i *access.Inventory) {
			i.Users = append(i.Users, *newUser("ada-2", called("ADA")))
		}, `another user gets the Kubernetes user name "oidc:ada" too`},
		{"no name", func(i *access.Inventory) {
			i.Directory.Spec.KubernetesUsername.Attribute = v1alpha1.UsernameFromExternalID
		}, "it has no externalId, which spec.kubernetesUsername of the directory takes the Kubernetes user name from"},
		{"a deletion", func(i *access.Inventory) {
			now := metav1.NewTime(time.Date(2027, time.February, 2, 0, 0, 0, 0, time.UTC))
			i.Users[1].DeletionTimestamp = &now
		}, "the user is being deleted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inventory := newInventory()
			inventory.RoleBindings, inventory.ClusterRoleBindings = nil, nil
			test.change(&inventory)
			got := access.ReviewOf(inventory, "ada-1")
			if len(got) != 2 || got[0].Reason != test.want || got[0].Binding != "" {
				t.Errorf("got %+v, want the reason %q", got, test.want)
			}
		})
	}
}

func expectGrants(t *testing.T, got, want []access.Grant) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d grants, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("grant %d is\n%+v\nand should be\n%+v", i, got[i], want[i])
		}
	}
}
