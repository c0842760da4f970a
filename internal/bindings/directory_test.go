package bindings

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const acme = "acme"

// clock is a clock that moves only when a test advances it.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() *clock { return &clock{time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)} }

// user returns a synchronized user.
func user(name, userName string, change ...func(*v1alpha1.CloudSSOUser)) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: acme, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: userName},
	}
	for _, c := range change {
		c(u)
	}
	return u
}

func inactive(u *v1alpha1.CloudSSOUser)  { u.Spec.Active = new(bool) }
func suspended(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }
func manual(u *v1alpha1.CloudSSOUser)    { u.Spec.Source = v1alpha1.SourceManual }
func accepted(u *v1alpha1.CloudSSOUser)  { u.Status.ClaimedName = u.Spec.UserName }
func deprovisioned(u *v1alpha1.CloudSSOUser) {
	u.Spec.DeprovisionedAt = &metav1.Time{Time: time.Unix(1, 0)}
}

// directoryTest is a directory, and what a test expects of it.
type directoryTest struct {
	*testing.T
	*directories
	clock *clock
}

func newDirectoryTest(t *testing.T) *directoryTest {
	c := newClock()
	d := &directoryTest{t, newDirectories(c.Now, time.Minute), c}
	d.declare(acme, nil)
	return d
}

func (d *directoryTest) changes(what string, got []string, want ...string) {
	d.Helper()
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), want) {
		d.Errorf("%s: %q may mean another user, want %q", what, got, want)
	}
}

// owns fails the test if a Kubernetes user name does not mean a user; "" is none.
func (d *directoryTest) owns(what, name, want string) {
	d.Helper()
	if owner, _ := d.usernames(acme).Owner(name); owner != want {
		d.Errorf("%s: %s means %q, want %q", what, name, owner, want)
	}
}

func TestUserNamesThatMayMeanAnotherUserAreTold(t *testing.T) {
	d := newDirectoryTest(t)
	d.changes("created", d.setUser(user("alice-1", "alice"), true), "alice")
	d.changes("unchanged", d.setUser(user("alice-1", "alice"), true))
	d.changes("suspended", d.setUser(user("alice-1", "alice", suspended), true), "alice")
	d.changes("still not effective", d.setUser(user("alice-1", "alice", suspended, inactive), true))
	d.changes("effective again", d.setUser(user("alice-1", "alice"), true), "alice")
	d.changes("renamed", d.setUser(user("alice-1", "alicia"), true), "alice", "alicia")
	d.changes("adopted", d.setUser(user("alice-1", "alicia", manual, accepted), true), "alicia")
	d.changes("deleted", d.removeUser(acme, "alice-1"), "alicia")
	d.changes("deleted twice", d.removeUser(acme, "alice-1"))
}

func TestNamespaceWithoutADirectoryHasNoUserNames(t *testing.T) {
	d := &directoryTest{t, newDirectories(newClock().Now, time.Minute), nil}
	d.changes("created", d.setUser(user("alice-1", "alice"), true))
	d.owns("without a directory", "alice", "")
	if !d.declare(acme, nil) || d.declare(acme, nil) {
		t.Error("a directory is a change, and only once")
	}
	d.owns("with a directory", "alice", "alice-1")
	before := d.usernames(acme)
	if !d.declare(acme, &v1alpha1.KubernetesUsername{Prefix: "oidc:"}) || d.usernames(acme) == before {
		t.Error("another rule makes other Usernames")
	}
	d.owns("with a prefix", "oidc:alice", "alice-1")
	if owner, _ := before.Owner("alice"); owner != "alice-1" {
		t.Error("the former Usernames have changed")
	}
	d.undeclare(acme)
	d.owns("without a directory again", "oidc:alice", "")
	d.removeUser(acme, "alice-1")
	d.removeUser("globex", "alice-1")
	if len(d.byNamespace) > 0 {
		t.Error("an empty namespace is kept")
	}
}

func TestFormerNamesAreKnownForAWhile(t *testing.T) {
	d := newDirectoryTest(t)
	names := func(what string, want ...string) {
		t.Helper()
		if got := d.namesOf(acme, "alice-1"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	names("unknown")
	d.setUser(user("alice-1", "alice"), true)
	d.setUser(user("alice-1", "alice", inactive), true)
	names("not effective", "alice")
	d.setUser(user("alice-1", "alicia", inactive), true)
	names("renamed", "alice", "alicia")
	d.clock.advance(time.Minute - 1)
	d.forget()
	d.removeUser(acme, "alice-1")
	names("deleted", "alice", "alicia")
	d.clock.advance(1)
	d.forget()
	names("a minute after the rename", "alicia")
	d.clock.advance(time.Minute)
	d.forget()
	names("a minute after the deletion")
}

func TestContestIsDecidedByTheClaim(t *testing.T) {
	for _, c := range []struct {
		name           string
		presume        bool
		before, after  string // owner of the name before the claim is read, and after it says that bob-1 holds it
		holder, beyond string // and after the holder is gone
	}{
		{"who had the name first goes on to have it", true, "alice-1", "bob-1", "bob-1", "alice-1"},
		{"of two that are found at the same time neither has it", false, "", "bob-1", "bob-1", "alice-1"},
		{"a claim of no live user gives it to neither", true, "alice-1", "", "", "alice-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDirectoryTest(t)
			d.setUser(user("alice-1", "same"), c.presume)
			if len(d.due()) > 0 || !d.isDecided() {
				t.Error("one user is no contest")
			}
			d.setUser(user("bob-1", "SAME"), c.presume)
			owner := func(what, want string) {
				t.Helper()
				for user, name := range map[string]string{"alice-1": "same", "bob-1": "SAME"} {
					if want != user {
						d.owns(what, name, "")
					} else {
						d.owns(what, name, user)
					}
				}
			}
			owner("before", c.before)
			if d.isDecided() != c.presume {
				t.Errorf("decided: %t", !c.presume)
			}
			due := d.due()
			if len(due) != 1 || due[0].Namespace != acme || due[0].Folded != "same" {
				t.Fatalf("due: %v", due)
			}
			d.begin(due[0])
			d.decide(due[0], c.holder)
			owner("decided", c.after)
			if !d.isDecided() || len(d.due()) > 0 {
				t.Error("a claim that was read is read again at once")
			}
			d.setUser(user("bob-1", "SAME", deprovisioned), true)
			owner("bob is gone", c.beyond)
			if len(d.due()) > 0 {
				t.Error("the contest is over")
			}
			d.decide(due[0], "bob-1") // late
			owner("late", c.beyond)
		})
	}
}

func TestClaimIsReadAgain(t *testing.T) {
	d := newDirectoryTest(t)
	read := func(what string, want bool) {
		t.Helper()
		due := d.due()
		if len(due) > 0 != want {
			t.Errorf("%s: due: %v", what, due)
		}
		for _, name := range due {
			d.begin(name)
			d.decide(name, "a")
		}
	}
	d.setUser(user("a", "same"), true)
	d.setUser(user("b", "same"), true)
	select {
	case <-d.contested:
	default:
		t.Error("a contest does not wake the reader")
	}
	read("at once", true)
	d.clock.advance(contestInterval - 1)
	read("early", false)
	d.clock.advance(1)
	read("after the interval", true)
	d.clock.advance(contestInterval)
	read("the interval has doubled", false)
	d.clock.advance(contestInterval)
	read("after twice the interval", true)
	d.setUser(user("b", "same"), true)
	read("a user has changed", true)
	d.setUser(user("c", "same"), true)
	read("a third user", true)
	d.removeUser(acme, "a")
	d.owns("the holder is gone", "same", "")
	read("the holder is gone", true)
	for range 20 {
		d.clock.advance(maxContestInterval)
		read("after the longest interval", true)
	}
}

func TestManualUserNeedsAnAcceptedName(t *testing.T) {
	d := newDirectoryTest(t)
	d.setUser(user("by-hand", "alice", manual), true)
	d.owns("not accepted", "alice", "")
	d.setUser(user("by-hand", "alice", manual, accepted), true)
	d.owns("accepted", "alice", "by-hand")
	d.setUser(user("alice-1", "alice"), true)
	d.owns("until the claim is read", "alice", "by-hand")
	for _, name := range d.due() {
		d.decide(name, "alice-1")
	}
	d.owns("the claim is the synchronized user's", "alice", "alice-1")
}
