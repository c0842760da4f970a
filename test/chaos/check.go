package chaos

import (
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"
)

const (
	// checkTimeout bounds the check of one history. A history with many writes of unknown outcome may have more orders
	// than can be tried. It shows nothing wrong, and is counted.
	checkTimeout = 30 * time.Second
	// decidable is how many histories have to be decided for each that is not.
	decidable = 1000
)

// Partition is a set of requests that can only be understood together: about users or groups that compete for a few
// names, or about one group and its members.
type Partition struct {
	Name string
	// Team is the id of the group and Members are users that are never deleted, if it is about a group's members.
	Team    string
	Members []string
	// Sliced says that the group's members are in several objects, which are not written together.
	Sliced bool
	// Manual are the users that were made by hand before the first request.
	Manual holders
	Ops    []*Op
}

// history is one history for porcupine.
type history struct {
	name  string
	model porcupine.Model
	ops   []*Op
}

// histories returns what porcupine checks: the names, or each member. Reads checks the rest. Of the Manual users those
// count that were created.
func (p *Partition) histories(exists map[string]bool) (all []history) {
	if p.Members == nil {
		manual := slices.DeleteFunc(slices.Clone(p.Manual), func(h holder) bool { return !exists[h.id] })
		certain := slices.DeleteFunc(BoundUnknown(p.Ops), func(o *Op) bool { return !o.isCertain() })
		return []history{{p.Name, nameModel{manual}.Model(), certain}}
	}
	for _, m := range p.Members {
		about := slices.DeleteFunc(slices.Clone(p.Ops), func(o *Op) bool {
			_, touched := o.membership(m)
			otherGroup := o.Kind == Create && o.Result != p.Team
			return !o.isCertain() || otherGroup || !touched && o.Kind != Final && o.Outcome != NotFound
		})
		all = append(all, history{p.Name + " " + m, memberModel(m), about})
	}
	return all
}

// isCertain reports whether the answer has to be linearizable: writes, 404, and an empty search by name.
func (o *Op) isCertain() bool {
	switch {
	case o.Outcome == Unsent, o.Outcome == Forbidden, o.Outcome == Unexpected:
		return false
	case o.Writes(), o.Kind == Final:
		return true
	}
	return o.Outcome == NotFound || o.Outcome == Empty && o.Kind == FindName
}

// operations returns requests for porcupine.
func operations(ops []*Op) (operations []porcupine.Operation) {
	for _, o := range ops {
		until := int64(o.Return)
		if o.Kind == Final {
			until = math.MaxInt64 // requests of unknown outcome return as late
		}
		operations = append(operations, porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Call), Return: until})
	}
	return operations
}

func (h history) check(timeout time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(inOrder(h.model, h.ops), operations(h.ops), timeout)
}

// shortest returns a violation's history up to the first request that no order explains. Requests that were under way by
// then stay in it as of unknown outcome.
func (h history) shortest() (unexplained *Op, ops []*Op) {
	byReturn := slices.DeleteFunc(slices.Clone(h.ops), func(o *Op) bool { return o.Return == Forever })
	slices.SortFunc(byReturn, func(a, b *Op) int { return int(a.Return - b.Return) })
	n, _ := slices.BinarySearchFunc(byReturn, true, func(o *Op, _ bool) int {
		cut := h
		cut.ops = until(h.ops, o.Return)
		if cut.check(checkTimeout) == porcupine.Illegal {
			return 1
		}
		return -1
	})
	if n == len(byReturn) {
		return nil, h.ops
	}
	unexplained = byReturn[n]
	return unexplained, until(h.ops, unexplained.Return)
}

// until returns the requests as they were known at a time.
func until(ops []*Op, at time.Duration) (cut []*Op) {
	for _, o := range ops {
		switch {
		case o.Call > at:
			continue
		case o.Return > at && !o.Writes():
			continue
		case o.Return > at:
			pending := *o
			pending.Return = Forever
			if o.Outcome == Done {
				pending.Outcome, pending.Resolved = Unknown, false
			}
			o = &pending
		}
		cut = append(cut, o)
	}
	return cut
}

// related returns the requests that share a name, an id or an externalId with one of them.
func related(ops []*Op, to *Op) []*Op {
	if to == nil {
		return ops
	}
	words := map[string]bool{}
	add := func(o *Op) {
		for _, word := range []string{o.Subject, o.Result, o.Name, o.ExternalID} {
			words[word] = word != ""
		}
	}
	add(to)
	for _, o := range ops { // the objects that have had its name
		if words[o.Name] && o.Names() {
			add(&Op{Subject: o.Subject, Result: o.Result})
		}
	}
	return slices.DeleteFunc(slices.Clone(ops), func(o *Op) bool {
		return !words[o.Subject] && !words[o.Result] && !words[o.Name] && !words[o.ExternalID]
	})
}

// Result is the result of all checks.
type Result struct {
	Histories, Longest, Checked int
	Undecided                   []string
	Violations                  []Violation
	Visualized                  []history // those of Violations that porcupine can draw
}

// CheckPartitions checks all partitions, as many histories at once as there are processors.
func CheckPartitions(partitions []*Partition, reads *Reads, exists map[string]bool) (r Result) {
	var all []history
	for _, p := range partitions {
		r.Violations = append(r.Violations, reads.Check(p)...)
		all = append(all, p.histories(exists)...)
	}
	results := make([]porcupine.CheckResult, len(all))
	var checks errgroup.Group
	checks.SetLimit(runtime.GOMAXPROCS(0))
	for i, h := range all {
		checks.Go(func() error {
			results[i] = h.check(checkTimeout)
			return nil
		})
	}
	_ = checks.Wait() // a check returns no error
	for i, h := range all {
		r.add(h, results[i])
	}
	return r
}

func (r *Result) add(h history, result porcupine.CheckResult) {
	r.Histories++
	r.Checked += len(h.ops)
	r.Longest = max(r.Longest, len(h.ops))
	switch result {
	case porcupine.Unknown:
		r.Undecided = append(r.Undecided, h.name)
	case porcupine.Illegal:
		unexplained, ops := h.shortest()
		text := fmt.Sprintf("%s: no order explains the answers (%d requests)", h.name, len(h.ops))
		if unexplained != nil {
			text += "; the first that no order explains is " + strings.TrimSpace(unexplained.String())
		}
		r.Violations = append(r.Violations, Violation{"linearizable", text, related(ops, unexplained)})
		r.Visualized = append(r.Visualized, history{h.name, h.model, ops})
	}
}

// CheckAnswers returns the answers that no client may get: an outage is 503 and says in whole seconds when to retry. A
// BulkResponse has no place for that.
func CheckAnswers(ops []*Op) (violations []Violation) {
	for _, o := range ops {
		wait, err := strconv.Atoi(o.RetryAfter)
		unavailable := o.Status == http.StatusServiceUnavailable && (o.Batch != 0 || err == nil && wait > 0)
		if o.Outcome == Unexpected || o.Status >= http.StatusInternalServerError && !unavailable {
			text := fmt.Sprintf("#%d was answered %d, Retry-After %q: %s", o.ID, o.Status, o.RetryAfter, o.Detail)
			violations = append(violations, Violation{"answers", text, []*Op{o}})
		}
	}
	return violations
}
