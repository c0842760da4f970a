package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
)

const (
	// shortDuration is how long make test runs; make chaos runs longer.
	shortDuration = 25 * time.Second
	// shown is how many violations a failed test prints; files have all of them.
	shown = 20
)

// TestChaos reads CHAOS_SEED, CHAOS_DURATION, CHAOS_REPLICAS and CHAOS_FAULTS, a regular expression of the names of the
// faults to inject. It writes violations and logs to CHAOS_DIR. A run of a minute or more injects all faults, into three
// replicas. A seed repeats the same requests and the same faults in the same order; their timing depends on the machine.
func TestChaos(t *testing.T) {
	duration := setting(t, "CHAOS_DURATION", shortDuration, time.ParseDuration)
	seed := setting(t, "CHAOS_SEED", rand.Uint64(), func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	replicas, faults := 2, quickFaults
	if duration >= time.Minute {
		replicas, faults = 3, slices.Concat(quickFaults, slowFaults)
	}
	replicas = setting(t, "CHAOS_REPLICAS", replicas, strconv.Atoi)
	if wanted := setting(t, "CHAOS_FAULTS", nil, regexp.Compile); wanted != nil {
		faults = slices.DeleteFunc(slices.Concat(quickFaults, slowFaults), func(f fault) bool { return !wanted.MatchString(f.name) })
	}
	t.Logf("CHAOS_SEED=%d CHAOS_DURATION=%s CHAOS_REPLICAS=%d", seed, duration, replicas)

	replicasClock, err := NewClock(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(clockVariable, replicasClock.file)
	options := quickstart.Options{
		Dir: t.TempDir(), Race: true, Tag: clockTag, Access: true, Controllers: controllers, Flags: []string{"--zap-log-level=4", "--leader-lease-duration=" + leaseDuration.String()},
	}
	r, err := StartReplicas(t.Context(), options, replicas)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}()
	dir := setting(t, "CHAOS_DIR", filepath.Join(os.TempDir(), "chaos"), func(s string) (string, error) { return s, nil })
	defer func() {
		if t.Failed() {
			keep(t, filepath.Join(dir, fmt.Sprint("logs-", seed)), r.Environment.LogFiles())
		}
	}()
	run := &run{t: t, replicas: r, clock: replicasClock, history: NewHistory(), seed: seed}
	run.sightings = NewSightings(run.history.Now)
	run.load(duration, faults)
	report := run.check()
	report.Print(os.Stdout)
	if len(report.Result.Violations) > 0 {
		t.Error(report.Violations(shown))
	}
	if report.Granted == 0 || len(report.Revocations.Undisturbed)+len(report.Revocations.Disturbed) == 0 {
		t.Error("no access was granted, or none that was taken away could be judged")
	}
	if undecided := report.Result.Undecided; len(undecided)*decidable > report.Result.Histories {
		t.Errorf("undecided within %s, of %d histories: %v", checkTimeout, report.Result.Histories, undecided)
	}
	if !t.Failed() {
		return
	}
	paths, err := report.Save(dir)
	t.Errorf("all violations and requests: %v (%v)", paths, err)
}

// keep copies logs into dir, because the test's own folder is deleted.
func keep(t *testing.T, dir string, logs []string) {
	t.Helper()
	err := os.MkdirAll(dir, 0o755)
	for _, log := range logs {
		content, unread := os.ReadFile(log)
		err = errors.Join(err, unread, os.WriteFile(filepath.Join(dir, filepath.Base(log)), content, 0o644))
	}
	t.Logf("logs: %s (%v)", dir, err)
}

// setting returns the value of an environment variable.
func setting[T any](t *testing.T, name string, otherwise T, parse func(string) (T, error)) T {
	t.Helper()
	value, found := os.LookupEnv(name)
	if !found || value == "" {
		return otherwise
	}
	parsed, err := parse(value)
	if err != nil {
		t.Fatalf("%s=%q: %v", name, value, err)
	}
	return parsed
}

// run is one run of chaos.
type run struct {
	t             *testing.T
	replicas      *Replicas
	clock         Clock
	history       *History
	sightings     *Sightings
	seed          uint64
	workload      *Workload
	faults        *Faults
	stopSightings func()
	lasted        time.Duration
}

// load sends requests and injects faults for a while, and ends all faults.
func (r *run) load(duration time.Duration, faults []fault) {
	r.t.Helper()
	r.workload = &Workload{Replicas: r.replicas, History: r.history, Clients: 8, Seed: r.seed, Sightings: r.sightings}
	r.faults = &Faults{
		Replicas: r.replicas, History: r.history, Clock: r.clock, Random: rand.New(rand.NewPCG(r.seed, 0)), Pause: 3 * time.Second,
		Log:         func(format string, args ...any) { fmt.Printf("chaos: "+format+"\n", args...) },
		PartitionOf: r.workload.partitionOf, Deactivation: r.workload.deactivation,
	}
	var err error
	if r.faults.Client, err = NewClient(deactivator, r.replicas, r.history); err != nil {
		r.t.Fatal(err)
	}
	if err := r.workload.Prepare(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if r.stopSightings, err = r.replicas.WatchBindings(r.t.Context(), r.sightings); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), duration)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.workload.Run(ctx) }()
	if err := r.faults.Run(ctx, faults); err != nil {
		r.t.Errorf("faults: %v", err)
		cancel()
	}
	if err := <-ended; err != nil {
		r.t.Errorf("workload: %v", err)
	}
	r.lasted = r.history.Now()
	if err := r.faults.Recover(r.t.Context()); err != nil {
		r.t.Errorf("not recovered: %v", err)
	}
}

// check waits until no request can have an effect any more, and checks everything.
func (r *run) check() *Report {
	r.t.Helper()
	probes, err := r.workload.ProbeClaims(r.t.Context())
	if err != nil {
		r.t.Error(err)
	}
	r.history.AwaitQuiet(r.t.Context())
	objects, wrong, err := r.replicas.AwaitSettled(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.stopSightings()
	views, err := r.replicas.CheckViews(r.t.Context(), objects)
	if err != nil {
		r.t.Error(err)
	}
	ops, finals := r.history.Ops(), r.workload.Finals(objects)
	Resolve(append(finals, ops...))
	MarkRepeated(ops)
	reads := &Reads{Lag: lag, Disturbances: r.faults.Disturbances}
	result := CheckPartitions(r.workload.Partitions(append(finals, ops...)), reads, objects.Exists())
	revocations, grants := &Revocations{Disturbances: r.faults.Disturbances}, &Grants{Disturbances: r.faults.Disturbances}
	times := &Times{Since: r.history.At, Jumps: r.faults.Jumps, Disturbances: r.faults.Disturbances, Ops: ops}
	for _, w := range append(wrong, r.faults.Problems...) {
		result.Violations = append(result.Violations, Violation{Rule: "at the end", Text: w})
	}
	result.Violations = append(result.Violations, slices.Concat(
		views, objects.CheckInvariants(ops), objects.CheckSlicing(), objects.CheckCreated(ops), CheckProbes(probes, objects),
		objects.CheckSuspensions(ops, r.history.Suspensions()), CheckAnswers(ops), CheckSwitch(ops, r.faults.Offs),
		revocations.Check(ops, r.history.Suspensions(), r.sightings.All(), objects),
		grants.Check(ops, r.history.Suspensions(), r.sightings.All(), objects),
		times.Check(r.sightings.All(), objects.Assignments))...)
	passing := slices.DeleteFunc(r.sightings.All(), func(p Presence) bool { return !p.isPassing() })
	return &Report{
		Seed: r.seed, Replicas: len(r.replicas.URLs()), Lasted: r.lasted, Ops: ops, Finals: finals, Faults: r.faults, Reads: reads,
		Result: result, Hidden: len(objects.hidden()), Probed: len(probes), Lost: r.faults.LostToStops(ops), Exits: r.replicas.Exits(),
		Users: len(objects.Users), Groups: len(objects.Groups), Slices: len(objects.Slices),
		Revocations: revocations, Grants: grants, Times: times, Assignments: len(objects.Assignments), Bindings: len(objects.Bindings), Granted: len(r.sightings.All()),
		Passing: len(passing), Namespaces: r.workload.NamespacesCreated,
	}
}
