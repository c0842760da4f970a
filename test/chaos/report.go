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

// Report is what a run comes to.
type Report struct {
	Seed     uint64
	Replicas int
	Lasted   time.Duration
	Ops      []*Op
	Finals   []*Op
	Faults   *Faults
	Reads    *Reads
	Verdict  Verdict
	Seconds  []Second
	Exits    []string
	Lost     []*Op // to graceful stops
	Users    int
	Groups   int
	Slices   int
}

// Print writes the totals.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\nCHAOS_SEED=%d: %d requests through %d replicas in %s\n\n", r.Seed, len(r.Ops), r.Replicas, r.Lasted.Round(time.Second))
	r.printRequests(w)
	fmt.Fprintf(w, "\n%-36s %6s  %s\n", "fault", "times", "slowest recovery")
	for _, name := range slices.Sorted(maps.Keys(r.Faults.Counts)) {
		fmt.Fprintf(w, "%-36s %6d  %s\n", name, r.Faults.Counts[name], r.Faults.Recovery[name].Round(time.Millisecond))
	}
	fmt.Fprintf(w, "\nhistories checked by porcupine  %d, of %d requests; the longest has %d; undecided: %d\n",
		r.Verdict.Histories, r.Verdict.Checked, r.Verdict.Longest, len(r.Verdict.Undecided))
	fmt.Fprintf(w, "answers that depend on others who were at it too  %d\n", r.Verdict.Excused)
	fmt.Fprintf(w, "resources in positive answers   %d; not the newest: %s; while cut off: %s\n",
		r.Reads.Checked, spread(r.Reads.Staleness), spread(r.Reads.Cut))
	fmt.Fprintf(w, "objects at the end              %d users, %d groups, %d slices; second holders that creates left which died: %d\n", r.Users, r.Groups, r.Slices, len(r.Seconds))
	fmt.Fprintf(w, "users made by hand and adopted  %d\n", len(r.adopted()))
	fmt.Fprintf(w, "requests lost to graceful stops %d\n", len(r.Lost))
	for _, o := range r.Lost[:min(len(r.Lost), 5)] {
		fmt.Fprintf(w, "    %s\n", o)
	}
	fmt.Fprintf(w, "processes that ended by themselves  %d\n", len(r.Exits))
	for _, last := range r.Exits {
		fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(last, "\n", "\n    "))
	}
	fmt.Fprintf(w, "violations                      %d\n", len(r.Verdict.Violations))
	rules := map[string]int{}
	for _, v := range r.Verdict.Violations {
		rules[v.Rule]++
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(w, "    %-32s %d\n", rule, rules[rule])
	}
}

// adopted are the creates that were given a user made by hand for the first time.
func (r *Report) adopted() map[string]bool {
	adopted := map[string]bool{}
	for _, o := range r.Ops {
		if o.Kind == Create && o.Outcome == Done && strings.HasPrefix(o.Result, manualMark) {
			adopted[o.Result] = true
		}
	}
	return adopted
}

// printRequests is a table of what was asked and what was answered.
func (r *Report) printRequests(w io.Writer) {
	outcomes := []Outcome{Done, Missing, Taken, Changed, Refused, Empty, Unknown, Unsent, Odd}
	counts := map[string]map[Outcome]int{}
	statuses := map[int]int{}
	for _, o := range r.Ops {
		label := "user: " + string(o.Kind)
		if o.Group {
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
		fmt.Fprintf(w, "%9s", outcome)
	}
	for _, label := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "\n%-28s", label)
		for _, outcome := range outcomes {
			fmt.Fprintf(w, "%9d", counts[label][outcome])
		}
	}
	fmt.Fprint(w, "\n\nstatus")
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		fmt.Fprintf(w, "  %d: %d", status, statuses[status])
	}
	fmt.Fprintln(w, "  (0 is no answer)")
}

// spread sums up durations.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(all))
	at := func(q float64) time.Duration { return sorted[int(q*float64(len(sorted)-1))].Round(time.Microsecond) }
	return fmt.Sprintf("%d (p50 %s, p99 %s, max %s)", len(sorted), at(.5), at(.99), at(1))
}

// Save writes violations to files in dir, readable and drawn, with all requests, and returns their paths.
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
	if err := os.WriteFile(text, []byte(r.Violations(len(r.Verdict.Violations))), 0o644); err != nil {
		return nil, err
	}
	paths = append(paths, text)
	for i, h := range r.Verdict.Visualized {
		_, info := porcupine.CheckOperationsVerbose(inOrder(h.model, h.ops), operations(h.ops), checkTimeout)
		page := filepath.Join(dir, fmt.Sprintf("violation-%d-%d.html", r.Seed, i))
		if err := porcupine.VisualizePath(inOrder(h.model, h.ops), info, page); err != nil {
			return paths, err
		}
		paths = append(paths, page)
	}
	return paths, nil
}

// Violations are the first of what was promised and not kept, with the requests that show it, and the faults
// that were at work.
func (r *Report) Violations(most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CHAOS_SEED=%d\n", r.Seed)
	for i, v := range r.Verdict.Violations[:min(most, len(r.Verdict.Violations))] {
		fmt.Fprintf(&b, "\n%d. %s: %s\n", i+1, v.Rule, v.Text)
		for _, o := range v.Ops {
			fmt.Fprintf(&b, "   %s\n", o)
		}
		for _, w := range r.Faults.Windows {
			if len(v.Ops) > 0 && w.From <= v.Ops[len(v.Ops)-1].Call+time.Second && v.Ops[0].Call <= w.To {
				fmt.Fprintf(&b, "   (%s…%s replica %d: %s)\n", clock(w.From), clock(w.To), w.Slot, w.Fault)
			}
		}
	}
	return b.String()
}
