package directory

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var measuredAt = time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)

func newMeasuredUser(source v1alpha1.Source) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme"}}
	u.Spec.Source = source
	return u
}

func newMeasuredDirectory(namespace string) *v1alpha1.CloudSSODirectory {
	return &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}}
}

// lead shows measurements as a leader does, until the test ends or stop is called.
func lead(t *testing.T, m *measurements) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	for leading.Load() != m {
		select {
		case err := <-done:
			t.Fatalf("it ended by itself: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// shown returns the samples of a metric in the text format.
func shown(t *testing.T, name string) string {
	t.Helper()
	text, err := testutil.CollectAndFormat(leaderCollector{}, expfmt.TypeTextPlain, name)
	if err != nil {
		t.Fatal(err)
	}
	var samples []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			samples = append(samples, strings.TrimSpace(line))
		}
	}
	return strings.Join(samples, "\n")
}

func TestUsersAndGroupsAreMeasuredAsTheyChange(t *testing.T) {
	m := newMeasurements(newCounters())
	m.observe(newMeasuredDirectory("acme"))
	defer lead(t, m)()
	user := newMeasuredUser(v1alpha1.SourceSCIM)
	disabled := user.DeepCopy()
	disabled.Spec.Active = new(false)
	withheld := user.DeepCopy()
	withheld.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable}
	manual := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "acme"}}
	conflicting := manual.DeepCopy()
	conflicting.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDisplayNameConflict}}
	const active = `cloudsso_users{directory="acme",source="SCIM",state="Active"} `
	for i, step := range []struct {
		before, after client.Object
		name, want    string
	}{
		{nil, user, "cloudsso_users", active + "1"},
		{nil, user, "cloudsso_users", active + "2"},
		{user, withheld, "cloudsso_users", active + "2"},
		{nil, nil, "cloudsso_deactivations_withheld", `cloudsso_deactivations_withheld{directory="acme"} 1`},
		{withheld, user, "cloudsso_deactivations_withheld", ""},
		{user, disabled, "cloudsso_users", active + "1\n" + `cloudsso_users{directory="acme",source="SCIM",state="Disabled"} 1`},
		{disabled, nil, "cloudsso_users", active + "1"},
		{nil, newMeasuredUser(v1alpha1.SourceManual), "cloudsso_users", `cloudsso_users{directory="acme",source="Manual",state="Active"} 1` + "\n" + active + "1"},
		{nil, manual, "cloudsso_groups", `cloudsso_groups{directory="acme",source="Manual",state="Effective"} 1`},
		{manual, conflicting, "cloudsso_groups", `cloudsso_groups{directory="acme",source="Manual",state="Conflict"} 1`},
		{conflicting, nil, "cloudsso_groups", ""},
	} {
		m.counters.observe(step.before, step.after)
		if got := shown(t, step.name); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

func TestMetricsOfADirectory(t *testing.T) {
	m := newMeasurements(newCounters())
	defer lead(t, m)()
	fresh := newMeasuredDirectory("fresh")
	used := newMeasuredDirectory("used")
	used.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
	used.Status.ActivatedAt = new(metav1.NewTime(measuredAt))
	used.Status.LastRequestTime = new(metav1.NewTime(measuredAt))
	used.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: 7}
	used.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionResyncNeeded, Status: metav1.ConditionTrue}}
	m.observe(fresh)
	m.observe(used)
	for name, want := range map[string]string{
		"synchronization_enabled":        "0 1",
		"resync_needed":                  "0 1",
		"refused_writes":                 "0 7",
		"last_request_timestamp_seconds": " 1.7698608e+09",
	} {
		name = "cloudsso_directory_" + name
		var all []string
		for i, value := range strings.Split(want, " ") {
			if value != "" {
				all = append(all, fmt.Sprintf("%s{directory=%q} %s", name, []string{"fresh", "used"}[i], value))
			}
		}
		if got := shown(t, name); got != strings.Join(all, "\n") {
			t.Errorf("%s, want %s", got, all)
		}
	}
	m.forget(used)
	if got := shown(t, "cloudsso_directory_resync_needed"); strings.Contains(got, "used") {
		t.Errorf("a deleted directory is measured: %s", got)
	}
}

// newMeasuredCredential returns a credential that expires at measuredAt, with a condition Usable.
func newMeasuredCredential(status metav1.ConditionStatus, reason string) *v1alpha1.SCIMCredential {
	c := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta"}}
	c.Spec.ExpiresAt = new(metav1.NewTime(measuredAt))
	c.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionUsable, Status: status, Reason: reason}}
	return c
}

func TestExpiryOfCredentialsIsMeasured(t *testing.T) {
	m := newMeasurements(newCounters())
	defer lead(t, m)()
	usable := newMeasuredCredential(metav1.ConditionTrue, v1alpha1.ReasonUsable)
	fresh, terminating := usable.DeepCopy(), usable.DeepCopy()
	fresh.Status.Conditions = nil
	terminating.DeletionTimestamp = new(metav1.NewTime(measuredAt))
	refused := func(reason string) client.Object { return newMeasuredCredential(metav1.ConditionFalse, reason) }
	const want = `cloudsso_credential_expiry_timestamp_seconds{credential="okta",directory="acme"} 1.7698608e+09`
	for i, step := range []struct {
		change func(client.Object)
		o      client.Object
		want   string
	}{
		{m.observe, fresh, ""},
		{m.observe, usable, want},
		{m.observe, refused(v1alpha1.ReasonDisabledCredential), ""},
		{m.observe, refused(v1alpha1.ReasonExpired), want},
		{m.observe, refused(v1alpha1.ReasonTokenConflict), ""},
		{m.observe, usable, want},
		{m.observe, refused(v1alpha1.ReasonQuotaExceeded), ""},
		{m.observe, usable, want},
		{m.observe, terminating, ""},
		{m.observe, usable, want},
		{m.forget, usable, ""},
	} {
		step.change(step.o)
		if got := shown(t, "cloudsso_credential_expiry_timestamp_seconds"); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

func TestOnlyTheLeaderShowsDirectories(t *testing.T) {
	former, next := newMeasurements(newCounters()), newMeasurements(newCounters())
	for _, m := range []*measurements{former, next} {
		m.observe(newMeasuredDirectory("acme"))
	}
	const name, want = "cloudsso_directory_refused_writes", `cloudsso_directory_refused_writes{directory="acme"} 0`
	if got := shown(t, name); got != "" {
		t.Errorf("before the first term: %s", got)
	}
	endFormer := lead(t, former)
	endNext := lead(t, next)
	endFormer()
	if got := shown(t, name); got != want {
		t.Errorf("during the second term: %s", got)
	}
	endNext()
	if got := shown(t, name); got != "" {
		t.Errorf("after the last term: %s", got)
	}
}

func TestNamesOfMetricsFollowTheConvention(t *testing.T) {
	m := newMeasurements(newCounters())
	defer lead(t, m)()
	d := newMeasuredDirectory("acme")
	d.Status.LastRequestTime = new(metav1.NewTime(measuredAt))
	m.observe(d)
	m.observe(newMeasuredCredential(metav1.ConditionTrue, v1alpha1.ReasonUsable))
	u := newMeasuredUser(v1alpha1.SourceSCIM)
	u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable}
	m.counters.observe(nil, u)
	m.counters.observe(nil, &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "acme"}})
	if n := testutil.CollectAndCount(leaderCollector{}); n != 8 {
		t.Errorf("%d metrics are shown, want each of 8", n)
	}
	problems, err := testutil.CollectAndLint(leaderCollector{})
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// Without a directory the cache has only parts of the users of a namespace.
func TestUsersWithoutADirectoryAreNotMeasured(t *testing.T) {
	m := newMeasurements(newCounters())
	defer lead(t, m)()
	m.counters.observe(nil, newMeasuredUser(v1alpha1.SourceSCIM))
	if got := shown(t, "cloudsso_users"); got != "" {
		t.Error(got)
	}
}
