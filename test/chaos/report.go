package chaos

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Report is the result of a run.
type Report struct {
	Seed     uint64
	Replicas int
	Lasted   time.Duration
	Ops      []*Op
	Finals   []*Op
	Faults   *Faults
	Reads    *Reads
	Result   Result
	Hidden   int // live objects whose name another object holds
	Probed   int // left-over claims that were tried
	Exits    []string
	Lost     []*Op // to graceful stops
	Users    int
	Groups   int
	Slices   int

	Revocations *Revocations
	Grants      *Grants
	Times       *Times
	Assignments int
	Bindings    int // at the end
	Granted     int // how often a subject got into a binding
	Passing     int // the same in namespaces that come and go
	Namespaces  int // how often one of these was created
}

// Print writes totals.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\nCHAOS_SEED=%d: %d requests through %d replicas in %s\n\n", r.Seed, len(r.Ops), r.Replicas, r.Lasted.Round(time.Second))
	r.printRequests(w)
	fmt.Fprintf(w, "\n%-36s %6s  %s\n", "fault", "times", "slowest recovery")
	for _, name := range slices.Sorted(maps.Keys(r.Faults.Counts)) {
		fmt.Fprintf(w, "%-36s %6d  %s\n", name, r.Faults.Counts[name], r.Faults.Recovery[name].Round(time.Millisecond))
	}
	fmt.Fprintf(w, "\nhistories checked by porcupine  %d, of %d requests; the longest has %d; undecided: %d\n",
		r.Result.Histories, r.Result.Checked, r.Result.Longest, len(r.Result.Undecided))
	fmt.Fprintf(w, "resources in positive answers   %d; not the newest: %s; during a disturbance: %s\n",
		r.Reads.Checked, spread(r.Reads.Staleness), spread(r.Reads.Disturbed))
	fmt.Fprintf(w, "objects at the end              %d users, %d groups, %d slices; hidden because another object holds the name: %d\n", r.Users, r.Groups, r.Slices, r.Hidden)
	fmt.Fprintf(w, "Manual users that were adopted  %d; left-over claims whose name was taken: %d\n", len(r.adopted()), r.Probed)
	fmt.Fprintf(w, "access at the end               %d bindings of %d assignments; subjects were added to a binding %d times\n", r.Bindings, r.Assignments, r.Granted)
	fmt.Fprintf(w, "namespaces that came and went   %d; subjects were added to a binding there %d times\n", r.Namespaces, r.Passing)
	fmt.Fprintf(w, "from the answer until revoked   %s, later than %s: %d; during a disturbance: %s; overtaken by another change: %d\n",
		spread(r.Revocations.Undisturbed), promptly, r.Revocations.Late(), spread(r.Revocations.Disturbed), r.Revocations.Unjudged)
	fmt.Fprintf(w, "  by a replica killed at once   %s\n", spread(r.Revocations.Orphaned))
	fmt.Fprintf(w, "granted after access was lost   %s\n", spread(r.Grants.Overtaken))
	fmt.Fprintf(w, "from the end of a time until gone %s; the clock was wrong %d times\n", spread(r.Times.Ends), len(r.Times.Jumps))
	fmt.Fprintf(w, "requests lost to graceful stops %d\n", len(r.Lost))
	for _, o := range r.Lost[:min(len(r.Lost), 5)] {
		fmt.Fprintf(w, "    %s\n", o)
	}
	fmt.Fprintf(w, "processes that ended by themselves  %d\n", len(r.Exits))
	for _, last := range r.Exits {
		fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(last, "\n", "\n    "))
	}
	fmt.Fprintf(w, "violations                      %d\n", len(r.Result.Violations))
	rules := map[string]int{}
	for _, v := range r.Result.Violations {
		rules[v.Rule]++
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(w, "    %-32s %d\n", rule, rules[rule])
	}
}

// adopted returns the Manual users that creates have adopted.
func (r *Report) adopted() map[string]bool {
	adopted := map[string]bool{}
	for _, o := range r.Ops {
		if o.Kind == Create && o.Outcome == Done && strings.HasPrefix(o.Result, manualPrefix) {
			adopted[o.Result] = true
		}
	}
	return adopted
}

// printRequests prints a table of requests and outcomes.
func (r *Report) printRequests(w io.Writer) {
	outcomes := []Outcome{Done, NotFound, Conflict, PreconditionFailed, Forbidden, Empty, Unknown, Unsent, Unexpected}
	counts := map[string]map[Outcome]int{}
	statuses := map[int]int{}
	for _, o := range r.Ops {
		label := "user: " + string(o.Kind)
		switch {
		case o.Process == byHand:
			label = "by hand: " + string(o.Kind)
		case o.Group:
			label = "group: " + string(o.Kind)
		}
		if counts[label] == nil {
			counts[label] = map[Outcome]int{}
		}
		counts[label][o.Outcome]++
		statuses[o.Status]++
	}
	fmt.Fprintf(w, "%-28s", "request")
	for _, outcome := range outcomes {
		fmt.Fprintf(w, "%11s", outcome)
	}
	for _, label := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "\n%-28s", label)
		for _, outcome := range outcomes {
			fmt.Fprintf(w, "%11d", counts[label][outcome])
		}
	}
	fmt.Fprint(w, "\n\nstatus")
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		fmt.Fprintf(w, "  %d: %d", status, statuses[status])
	}
	fmt.Fprintln(w, "  (0 is no answer)")
}

// spread returns the number and the percentiles of durations.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(all))
	at := func(q float64) time.Duration { return sorted[int(q*float64(len(sorted)-1))].Round(time.Microsecond) }
	return fmt.Sprintf("%d (p50 %s, p99 %s, max %s)", len(sorted), at(.5), at(.99), at(1))
}

// Save writes violations to files in dir, as text and drawn, with all requests, and returns their paths.
func (r *Report) Save(dir string) (paths []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var all strings.Builder
	for _, o := range append(slices.Clone(r.Ops), r.Finals...) {
		fmt.Fprintln(&all, o)
	}
	requests := filepath.Join(dir, fmt.Sprintf("requests-%d.txt", r.Seed))
	if err := os.WriteFile(requests, []byte(all.String()), 0o644); err != nil {
		return nil, err
	}
	paths = append(paths, requests)
	text := filepath.Join(dir, fmt.Sprintf("violations-%d.txt", r.Seed))
	if err := os.WriteFile(text, []byte(r.Violations(len(r.Result.Violations))), 0o644); err != nil {
		return nil, err
	}
	paths = append(paths, text)
	for i, h := range r.Result.Visualized {
		_, info := porcupine.CheckOperationsVerbose(inOrder(h.model, h.ops), operations(h.ops), checkTimeout)
		page := filepath.Join(dir, fmt.Sprintf("violation-%d-%d.html", r.Seed, i))
		if err := porcupine.VisualizePath(inOrder(h.model, h.ops), info, page); err != nil {
			return paths, err
		}
		paths = append(paths, page)
	}
	return paths, nil
}

// Violations returns the first violations as text, with the requests that show them and the faults at that time.
func (r *Report) Violations(most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CHAOS_SEED=%d\n", r.Seed)
	for i, v := range r.Result.Violations[:min(most, len(r.Result.Violations))] {
		fmt.Fprintf(&b, "\n%d. %s: %s\n", i+1, v.Rule, v.Text)
		for _, o := range v.Ops {
			fmt.Fprintf(&b, "   %s\n", o)
		}
		for _, d := range r.Faults.Disturbances {
			if len(v.Ops) > 0 && d.From <= v.Ops[len(v.Ops)-1].Call+time.Second && v.Ops[0].Call <= d.To {
				fmt.Fprintf(&b, "   (%s…%s replica %d: %s)\n", clock(d.From), clock(d.To), d.Slot, d.Fault)
			}
		}
	}
	return b.String()
}
