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
	// shortDuration is that of the run in every test; make chaos has a longer one.
	shortDuration = 25 * time.Second
	// shown is how many violations a failed test prints; the rest is in files.
	shown = 20
)

// TestChaos is driven by CHAOS_SEED, CHAOS_DURATION, CHAOS_REPLICAS and CHAOS_FAULTS, a regular expression of
// the faults to inject; CHAOS_DIR is where violations and logs go. A run of a minute or more has all faults, and three
// replicas. A seed makes the same requests and the same faults in the same order; when they meet is up to
// the machine.
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

	r, err := StartReplicas(t.Context(), quickstart.Options{Dir: t.TempDir(), Race: true, Flags: []string{"--zap-log-level=4"}}, replicas)
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
	run := &run{t: t, replicas: r, history: NewHistory(), seed: seed}
	run.load(duration, faults)
	report := run.judge()
	report.Print(os.Stdout)
	if len(report.Verdict.Violations) > 0 {
		t.Error(report.Violations(shown))
	}
	if undecided := report.Verdict.Undecided; len(undecided)*decidable > report.Verdict.Histories {
		t.Errorf("undecided within %s, of %d histories: %v", checkTimeout, report.Verdict.Histories, undecided)
	}
	if !t.Failed() {
		return
	}
	paths, err := report.Save(dir)
	t.Errorf("all of it: %v (%v)", paths, err)
}

// keep copies logs, which go with the test's own folder, into dir.
func keep(t *testing.T, dir string, logs []string) {
	t.Helper()
	err := os.MkdirAll(dir, 0o755)
	for _, log := range logs {
		content, unread := os.ReadFile(log)
		err = errors.Join(err, unread, os.WriteFile(filepath.Join(dir, filepath.Base(log)), content, 0o644))
	}
	t.Logf("logs: %s (%v)", dir, err)
}

// setting reads an environment variable.
func setting[T any](t *testing.T, name string, otherwise T, parse func(string) (T, error)) T {
	t.Helper()
	value, there := os.LookupEnv(name)
	if !there || value == "" {
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
	t        *testing.T
	replicas *Replicas
	history  *History
	seed     uint64
	workload *Workload
	faults   *Faults
	lasted   time.Duration
}

// load plays the workload and the faults for a while, and mends everything.
func (r *run) load(duration time.Duration, faults []fault) {
	r.t.Helper()
	r.workload = &Workload{Replicas: r.replicas, History: r.history, Clients: 8, Seed: r.seed}
	r.faults = &Faults{
		Replicas: r.replicas, History: r.history, Random: rand.New(rand.NewPCG(r.seed, 0)), Pause: 3 * time.Second,
		Log: func(format string, args ...any) { fmt.Printf("chaos: "+format+"\n", args...) },
	}
	if err := r.workload.Prepare(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), duration)
	defer cancel()
	played := make(chan error, 1)
	go func() { played <- r.workload.Run(ctx) }()
	if err := r.faults.Run(ctx, faults); err != nil {
		r.t.Errorf("faults: %v", err)
		cancel()
	}
	if err := <-played; err != nil {
		r.t.Errorf("workload: %v", err)
	}
	r.lasted = r.history.Now()
	if err := r.faults.Mend(r.t.Context()); err != nil {
		r.t.Errorf("not recovered: %v", err)
	}
}

// judge waits until all is quiet and checks everything.
func (r *run) judge() *Report {
	r.t.Helper()
	r.history.AwaitQuiet(r.t.Context())
	objects, wrong, err := r.replicas.Settle(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	ops := r.history.Ops()
	views, err := r.replicas.Views(r.t.Context(), objects, acknowledged(ops))
	if err != nil {
		r.t.Error(err)
	}
	finals := r.workload.Finals(objects)
	Resolve(append(finals, ops...))
	reads := &Reads{Lag: lag, Windows: r.faults.Windows}
	partitions := r.workload.Partitions(append(finals, ops...))
	for _, p := range partitions {
		Excuse(p.Ops, r.faults.Troubled)
	}
	verdict := Judge(partitions, reads, objects.Born())
	invariants, seconds := objects.Invariants(ops)
	verdict.Violations = append(verdict.Violations, slices.Concat(invariants, views, objects.Slicing(), objects.Whole(ops))...)
	for _, w := range append(wrong, r.faults.Problems...) {
		verdict.Violations = append(verdict.Violations, Violation{Rule: "at the end", Text: w})
	}
	verdict.Violations = append(verdict.Violations, slices.Concat(Answers(ops), SwitchedOff(ops, r.faults.Offs))...)
	return &Report{
		Seed: r.seed, Replicas: len(r.replicas.URLs()), Lasted: r.lasted, Ops: ops, Finals: finals, Faults: r.faults, Reads: reads,
		Verdict: verdict, Seconds: seconds, Lost: r.faults.LostToStops(ops), Exits: r.replicas.Exits(),
		Users: len(objects.Users), Groups: len(objects.Groups), Slices: len(objects.Slices),
	}
}
