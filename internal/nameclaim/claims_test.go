package nameclaim

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// The metadata.name of a claim is stored: a claim whose name is computed otherwise is not found any more.
func TestKeysAreStable(t *testing.T) {
	for _, test := range []struct {
		name Name
		want string
	}{
		{UserName("acme", "jane@example.com"), "user-v1-8c87b489ce35cf2e2f39f80e282cb2e804932a56"},
		{UserName("acme", "Jane@Example.COM"), "user-v1-8c87b489ce35cf2e2f39f80e282cb2e804932a56"},
		{UserName("acme", "straße"), "user-v1-16d96952087774fee069b7585d3991b24d90c181"},
		{UserName("acme", "STRASSE"), "user-v1-16d96952087774fee069b7585d3991b24d90c181"},
		{DisplayName("acme", "jane@example.com"), "group-v1-8c87b489ce35cf2e2f39f80e282cb2e804932a56"},
		{DisplayName("acme", "Engineering"), "group-v1-8c85b6639e62e10b8330a8b883004b43c119053d"},
	} {
		if key := test.name.Key(); key.Namespace != "acme" || key.Name != test.want {
			t.Errorf("%s %q: %s, want acme/%s", test.name.Kind, test.name.Folded, key, test.want)
		}
	}
}

func TestNamesOfObjects(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "acme", Name: "id"}
	user := &v1alpha1.CloudSSOUser{ObjectMeta: meta, Spec: v1alpha1.CloudSSOUserSpec{UserName: "Jane"}}
	if got := NameOf(user); got != UserName("acme", "jane") {
		t.Errorf("a user: %v", got)
	}
	group := &v1alpha1.CloudSSOGroup{ObjectMeta: meta, Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: "Engineering"}}
	if got := NameOf(group); got != DisplayName("acme", "engineering") {
		t.Errorf("a group: %v", got)
	}
	if got := NameOf(&v1alpha1.CloudSSODirectory{ObjectMeta: meta}); got != (Name{}) {
		t.Errorf("a directory: %v", got)
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	holder := metav1.ObjectMeta{Namespace: "acme", Name: "jane-x7k2p"}
	for _, test := range []struct {
		err  error
		want string
	}{
		{
			&TakenError{UserName("acme", "Jane"), &v1alpha1.CloudSSOUser{ObjectMeta: holder}},
			`userName "jane" is already that of CloudSSOUser acme/jane-x7k2p`,
		},
		{
			&TakenError{DisplayName("acme", "Jane"), &v1alpha1.CloudSSOGroup{ObjectMeta: holder}},
			`displayName "jane" is already that of CloudSSOGroup acme/jane-x7k2p`,
		},
		{
			&PendingError{UserName("acme", "Jane"), "user-v1-0", "jane-x7k2p"},
			`CloudSSONameClaim acme/user-v1-0 holds userName "jane" for CloudSSOUser jane-x7k2p, which does not have that name (yet)`,
		},
	} {
		if got := test.err.Error(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestAbandonedClaims(t *testing.T) {
	clock := now
	a := newAbandonment(func() time.Time { return clock })
	claim := &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{UID: types.UID("1"), ResourceVersion: "1"},
		Spec:       v1alpha1.CloudSSONameClaimSpec{AcquiredAt: metav1.NewMicroTime(now)},
	}
	for _, step := range []struct {
		at        time.Duration // since the claim was acquired
		version   string
		uid       string
		abandoned bool
	}{
		{0, "1", "1", false},
		{59 * time.Second, "1", "1", false},
		{60 * time.Second, "1", "1", true},
		{60 * time.Second, "2", "1", false}, // it has been refreshed: the minute begins again
		{119 * time.Second, "2", "1", false},
		{120 * time.Second, "2", "1", true},
		{120 * time.Second, "1", "1", true},
		{180 * time.Second, "2", "2", false}, // another claim on the name
		{10*time.Minute - time.Microsecond, "3", "3", false},
		{10 * time.Minute, "4", "4", true}, // by the time that the claim says
	} {
		clock = now.Add(step.at)
		claim.ResourceVersion, claim.UID = step.version, types.UID(step.uid)
		if got := a.isAbandoned(claim); got != step.abandoned {
			t.Errorf("version %s of %s after %s: abandoned %t, want %t", step.version, step.uid, step.at, got, step.abandoned)
		}
		a.observe(claim)
	}
}

// A question is not an observation: a claim whose holder has the name is not remembered.
func TestOnlyObservedClaimsAreRemembered(t *testing.T) {
	clock := now
	a := newAbandonment(func() time.Time { return clock })
	claim := &v1alpha1.CloudSSONameClaim{Spec: v1alpha1.CloudSSONameClaimSpec{AcquiredAt: metav1.NewMicroTime(now)}}
	a.isAbandoned(claim)
	clock = now.Add(2 * time.Minute)
	if a.isAbandoned(claim) {
		t.Error("abandoned without an observation")
	}
}

// A clock that is ahead must not make a claim that is never abandoned.
func TestClaimOfAFutureTimeIsAbandonedAfterAMinute(t *testing.T) {
	clock := now
	a := newAbandonment(func() time.Time { return clock })
	claim := &v1alpha1.CloudSSONameClaim{Spec: v1alpha1.CloudSSONameClaimSpec{AcquiredAt: metav1.NewMicroTime(now.Add(time.Hour))}}
	a.observe(claim)
	clock = now.Add(time.Minute)
	if !a.isAbandoned(claim) {
		t.Error("not abandoned a minute after it was seen first")
	}
}

func TestAcquisitionMovesOn(t *testing.T) {
	c := New(nil, nil, func() time.Time { return now.Add(300 * time.Nanosecond) })
	for _, test := range []struct{ earlier, want time.Time }{
		{time.Time{}, now},
		{now.Add(-time.Hour), now},
		{now, now.Add(time.Microsecond)},
		{now.Add(time.Hour), now.Add(time.Hour + time.Microsecond)},
	} {
		if got := c.acquisition(metav1.NewMicroTime(test.earlier)); !got.Time.Equal(test.want) {
			t.Errorf("after %s: %s, want %s", test.earlier, got, test.want)
		}
	}
}

func TestPausesEnd(t *testing.T) {
	if pauseBriefly(t.Context(), maxPauses) {
		t.Error("one pause too many")
	}
	if !pauseBriefly(t.Context(), 0) {
		t.Error("no pause")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if pauseBriefly(ctx, maxPauses-1) {
		t.Error("a request that has ended waits on")
	}
}
