package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

func newUser(name string, changes ...func(*v1alpha1.CloudSSOUser)) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{UserName: name, Source: v1alpha1.SourceSCIM},
	}
	for _, change := range changes {
		change(u)
	}
	return u
}

func mail(value string, primary *bool) func(*v1alpha1.CloudSSOUser) {
	return func(u *v1alpha1.CloudSSOUser) {
		u.Spec.Emails = append(u.Spec.Emails, v1alpha1.MultiValue{Value: value, Primary: primary})
	}
}

func called(userName string) func(*v1alpha1.CloudSSOUser) {
	return func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = userName }
}

func manual(u *v1alpha1.CloudSSOUser) {
	u.Spec.Source, u.Status.ClaimedName = v1alpha1.SourceManual, u.Spec.UserName
}

func TestUsername(t *testing.T) {
	byEmail := &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromEmail, Lowercase: true}
	byExternalID := &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromExternalID}
	for _, test := range []struct {
		name    string
		rule    *v1alpha1.KubernetesUsername
		user    *v1alpha1.CloudSSOUser
		want    string
		problem string
	}{
		{"without a rule", nil, newUser("Ada"), "Ada", ""},
		{"with a prefix", &v1alpha1.KubernetesUsername{Prefix: "oidc:"}, newUser("Ada"), "oidc:Ada", ""},
		{"in small letters", &v1alpha1.KubernetesUsername{Lowercase: true}, newUser("ADA@Example.COM"), "ada@example.com", ""},
		{"of ASCII alone", &v1alpha1.KubernetesUsername{Lowercase: true}, newUser("ÄDA"), "Äda", ""},
		{"prefix as it is", &v1alpha1.KubernetesUsername{Prefix: "OIDC:", Lowercase: true}, newUser("Ada"), "OIDC:ada", ""},
		{"the only e-mail address", byEmail, newUser("ada", mail("Ada@example.com", nil)), "ada@example.com", ""},
		{"the primary one", byEmail, newUser("ada", mail("a@example.com", nil), mail("b@example.com", new(true))), "b@example.com", ""},
		{"several e-mail addresses", byEmail, newUser("ada", mail("a@example.com", nil), mail("b@example.com", new(false))), "", "primary e-mail"},
		{"no e-mail address", byEmail, newUser("ada"), "", "primary e-mail"},
		{"an empty one", byEmail, newUser("ada", mail("", new(true))), "", "primary e-mail"},
		{"no externalId", byExternalID, newUser("ada"), "", "externalId"},
		{"a reserved name", nil, newUser("system:masters"), "", "reserves"},
		{"a reserved name, made so", &v1alpha1.KubernetesUsername{Prefix: "sys", Lowercase: true}, newUser("TEM:node:a"), "", "reserves"},
		{"a reserved name behind a prefix", &v1alpha1.KubernetesUsername{Prefix: "oidc:"}, newUser("system:masters"), "oidc:system:masters", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := access.Username(test.rule, test.user)
			if got != test.want || (err != nil) != (test.problem != "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("says %v", err)
			}
		})
	}
}

func TestIsEffective(t *testing.T) {
	at := metav1.NewTime(time.Date(2027, time.January, 31, 12, 0, 0, 0, time.UTC))
	for _, test := range []struct {
		name      string
		user      *v1alpha1.CloudSSOUser
		contested bool
		want      bool
	}{
		{"active", newUser("ada"), false, true},
		{"whose userName is another's", newUser("ada"), true, false},
		{"disabled", newUser("ada", func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }), false, false},
		{"suspended", newUser("ada", func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }), false, false},
		{"deprovisioned", newUser("ada", func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = &at }), false, false},
		{"being deleted", newUser("ada", func(u *v1alpha1.CloudSSOUser) { u.DeletionTimestamp = &at }), false, false},
		{"whose deletion is held", newUser("ada", func(u *v1alpha1.CloudSSOUser) {
			u.DeletionTimestamp, u.Finalizers = &at, []string{v1alpha1.FinalizerGuard}
		}), false, true},
		{"Manual", newUser("ada", manual), false, true},
		{"Manual, renamed since", newUser("ada", manual, called("eve")), false, false},
		{"whose status says Disabled", newUser("ada", func(u *v1alpha1.CloudSSOUser) { u.Status.State = v1alpha1.UserDisabled }), false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := access.IsEffective(test.user, test.contested); got != test.want {
				t.Errorf("effective: %t", got)
			}
		})
	}
}

func TestOwnerOfAUsername(t *testing.T) {
	same := called("ada@example.com")
	for _, test := range []struct {
		name       string
		users      []*v1alpha1.CloudSSOUser
		want       string
		contenders []string
	}{
		{"no user", nil, "", nil},
		{"one", []*v1alpha1.CloudSSOUser{newUser("a", same)}, "a", nil},
		{"another name", []*v1alpha1.CloudSSOUser{newUser("a")}, "", nil},
		{"a SCIM user and Manual ones", []*v1alpha1.CloudSSOUser{newUser("m", same, manual), newUser("a", same), newUser("n", same, manual)}, "a", nil},
		{"two SCIM users", []*v1alpha1.CloudSSOUser{newUser("b", same), newUser("a", same), newUser("m", same, manual)}, "", []string{"a", "b"}},
		{"two Manual users", []*v1alpha1.CloudSSOUser{newUser("n", same, manual), newUser("m", same, manual)}, "", []string{"m", "n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			names := access.NewUsernames(nil)
			for _, u := range test.users {
				names.Set(u, true)
			}
			if got, contenders := names.Owner("ada@example.com"); got != test.want || !slices.Equal(contenders, test.contenders) {
				t.Errorf("got %q, contenders %v", got, contenders)
			}
		})
	}
}

func TestUsernamesFollowTheirUsers(t *testing.T) {
	names := access.NewUsernames(nil)
	for _, step := range []struct {
		name    string
		do      func() []string
		changed []string
		owner   string // of ada@example.com
	}{
		{"a joiner", func() []string { return names.Set(newUser("a", called("ada@example.com")), true) }, []string{"ada@example.com"}, "a"},
		{"a change of the profile", func() []string { return names.Set(newUser("a", called("ada@example.com")), true) }, []string{"ada@example.com"}, "a"},
		{"a leaver", func() []string { return names.Set(newUser("a", called("ada@example.com")), false) }, []string{"ada@example.com"}, ""},
		{"a leaver, again", func() []string { return names.Set(newUser("a", called("ada@example.com")), false) }, nil, ""},
		{"who comes back", func() []string { return names.Set(newUser("a", called("ada@example.com")), true) }, []string{"ada@example.com"}, "a"},
		{"and is renamed", func() []string { return names.Set(newUser("a", called("eve@example.com")), true) }, []string{"ada@example.com", "eve@example.com"}, ""},
		{"and goes", func() []string { return names.Remove("a") }, []string{"eve@example.com"}, ""},
		{"one who gets no name", func() []string { return names.Set(newUser("b", called("system:admin")), true) }, nil, ""},
	} {
		if got := step.do(); !slices.Equal(got, step.changed) {
			t.Errorf("%s changes %v, want %v", step.name, got, step.changed)
		}
		if got, _ := names.Owner("ada@example.com"); got != step.owner {
			t.Errorf("%s: the owner is %q, want %q", step.name, got, step.owner)
		}
	}
	if name, problem := names.Of("b"); name != "" || problem == nil {
		t.Errorf("the reserved name is %q, %v", name, problem)
	}
	if got := names.Names(); len(got) > 0 {
		t.Errorf("names are left: %v", got)
	}
}

func TestResolve(t *testing.T) {
	byName := v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "developers"}
	confirming := byName
	confirming.Confirmed = "developers-2"
	pin := &v1alpha1.PinnedPrincipal{Name: "developers-1", Selector: access.Selector(byName)}
	byID := v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, Name: "developers-1"}
	pinByID := &v1alpha1.PinnedPrincipal{Name: "developers-1", Selector: access.Selector(byID), Source: v1alpha1.SourceSCIM}
	formerPin := &v1alpha1.PinnedPrincipal{Name: "operators-1", Selector: `CloudSSOGroup displayName "operators"`}
	for _, test := range []struct {
		name         string
		principal    v1alpha1.AccessPrincipal
		pinned       *v1alpha1.PinnedPrincipal
		found        access.Found
		want, reason string
	}{
		{"found first", byName, nil, access.Found{Candidates: []string{"developers-1"}}, "developers-1", ""},
		{"not found", byName, nil, access.Found{}, "", v1alpha1.ReasonPrincipalNotFound},
		{"several", byName, nil, access.Found{Candidates: []string{"a", "b"}}, "", v1alpha1.ReasonPrincipalAmbiguous},
		{"not decided", byName, nil, access.Found{Undecided: true}, "", v1alpha1.ReasonPrincipalAmbiguous},
		{"pinned", byName, pin, access.Found{Candidates: []string{"developers-1"}, PinnedIsLive: true}, "developers-1", ""},
		{"pinned, and renamed", byName, pin, access.Found{PinnedIsLive: true}, "developers-1", ""},
		{"pinned, and renamed, another has its name", byName, pin, access.Found{Candidates: []string{"developers-2"}, PinnedIsLive: true}, "developers-1", ""},
		{"pinned, and not decided who has its name", byName, pin, access.Found{Undecided: true, PinnedIsLive: true}, "developers-1", ""},
		{"pinned, and gone", byName, pin, access.Found{}, "", v1alpha1.ReasonPrincipalNotFound},
		{"pinned, and gone, another has its name", byName, pin, access.Found{Candidates: []string{"developers-2"}}, "", v1alpha1.ReasonPrincipalChanged},
		{"pinned, and replaced by a Manual object", byName, pin, access.Found{PinnedIsReplaced: true}, "", v1alpha1.ReasonPrincipalNotFound},
		{"pinned, and replaced by a Manual object, another has its name", byName, pin, access.Found{Candidates: []string{"developers-2"}, PinnedIsReplaced: true}, "", v1alpha1.ReasonPrincipalChanged},
		{"pinned by metadata.name, and replaced by a Manual object", byID, pinByID, access.Found{Candidates: []string{"developers-1"}, PinnedIsReplaced: true}, "", v1alpha1.ReasonPrincipalChanged},
		{"another that is confirmed", confirming, pin, access.Found{Candidates: []string{"developers-2"}}, "developers-2", ""},
		{"another that is confirmed while the first lives", confirming, pin, access.Found{Candidates: []string{"developers-2"}, PinnedIsLive: true}, "developers-2", ""},
		{"confirmed, and not found", confirming, pin, access.Found{Candidates: []string{"developers-3"}}, "", v1alpha1.ReasonPrincipalChanged},
		{"confirmed, and one that never had the name", confirming, pin, access.Found{PinnedIsLive: true}, "developers-1", ""},
		{"pinned under another selector", byName, formerPin, access.Found{Candidates: []string{"developers-1"}, PinnedIsLive: true}, "developers-1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := access.Resolve(test.principal, test.pinned, test.found)
			if got.Name != test.want || got.Reason != test.reason || (got.Message != "") != (test.reason != "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestNamesOfBindings(t *testing.T) {
	directory, assignment, number, ok := access.ParseBindingName(access.BindingName("acme", "admins", 17))
	if directory != "acme" || assignment != "admins" || number != 17 || !ok {
		t.Errorf("got %s, %s, %d, %t", directory, assignment, number, ok)
	}
	for _, name := range []string{"", "view", "cloudsso:acme:admins", "cloudsso:acme:admins:", "cloudsso:acme:admins:-1", "cloudsso:acme:admins:01", "other:acme:admins:1", "cloudsso:acme:admins:1:2"} {
		if _, _, _, ok := access.ParseBindingName(name); ok {
			t.Errorf("%q is taken for the name of a projected binding", name)
		}
	}
}
