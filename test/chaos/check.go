package chaos

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	// checkTimeout bounds the check of one history. One that has many writes of which nobody was told what became of
	// them may have more orders than can be tried: it shows nothing wrong, and is counted.
	checkTimeout = 30 * time.Second
	// decidable is how many histories have to be decided for each that is not.
	decidable = 1000
)

// Partition is the requests that can only be understood together: users or groups that meet in a few
// names, or one group and its members.
type Partition struct {
	Name string
	// Members are the users that are never deleted, if it is about a group's members.
	Members []string
	// Sliced says that the group is many objects, which are not written together.
	Sliced bool
	// Manual are the users made by hand that may have been there before.
	Manual names
	Ops    []*Op
}

// history is one history for porcupine.
type history struct {
	name  string
	model porcupine.Model
	ops   []*Op
}

// histories are what porcupine is asked about: the names, or each member. The rest is for Reads.
func (p *Partition) histories(born map[string]time.Time) (all []history) {
	if p.Members == nil {
		manual := slices.DeleteFunc(slices.Clone(p.Manual), func(h holder) bool { return born[h.id].IsZero() })
		return []history{{p.Name, nameModel{born, manual}.Model(), slices.DeleteFunc(Settle(p.Ops), func(o *Op) bool { return !o.certain() })}}
	}
	for _, m := range p.Members {
		about := slices.DeleteFunc(slices.Clone(p.Ops), func(o *Op) bool {
			_, touched := o.membership(m)
			asked := o.Kind == FindMember && o.names(m)
			return !o.certain() || !touched && !asked && o.Kind != Final && o.Outcome != Missing
		})
		all = append(all, history{p.Name + " " + m, memberModel(m), about})
	}
	return all
}

// certain reports whether the answer is one that has to be linearizable.
func (o *Op) certain() bool {
	switch {
	case o.Outcome == Unsent, o.Outcome == Refused, o.Outcome == Odd:
		return false
	case o.Writes(), o.Kind == Final:
		return true
	}
	return o.Outcome == Missing || o.Outcome == Empty
}

// operations are for porcupine.
func operations(ops []*Op) (operations []porcupine.Operation) {
	for _, o := range ops {
		until := int64(o.Return)
		if o.Kind == Final {
			until = math.MaxInt64 // returns of unknown outcomes are as late
		}
		operations = append(operations, porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Call), Return: until})
	}
	return operations
}

func (h history) check(timeout time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(inOrder(h.model, h.ops), operations(h.ops), timeout)
}

// shortest is a violation's history cut off behind the first request that cannot be explained. Requests
// that were under way by then are left in it as of unknown outcome.
func (h history) shortest() (culprit *Op, ops []*Op) {
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
	culprit = byReturn[n]
	return culprit, until(h.ops, culprit.Return)
}

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

// related are those of ops that have something to do with the culprit: its names, ids and externalId.
func related(ops []*Op, culprit *Op) []*Op {
	if culprit == nil {
		return ops
	}
	words := map[string]bool{}
	add := func(o *Op) {
		for _, word := range []string{o.Subject, o.Result, o.Name, o.ExternalID} {
			words[word] = word != ""
		}
	}
	add(culprit)
	for _, o := range ops { // who has had one of these names
		if words[o.Name] && o.Takes() {
			add(&Op{Subject: o.Subject, Result: o.Result})
		}
	}
	return slices.DeleteFunc(slices.Clone(ops), func(o *Op) bool {
		return !words[o.Subject] && !words[o.Result] && !words[o.Name] && !words[o.ExternalID]
	})
}

// Verdict is what became of the checks.
type Verdict struct {
	Histories, Longest, Checked int
	Excused                     int
	Undecided                   []string
	Violations                  []Violation
	Visualized                  []history // those of Violations that porcupine can draw
}

// Judge checks all partitions.
func Judge(partitions []*Partition, reads *Reads, born map[string]time.Time) (v Verdict) {
	for _, p := range partitions {
		for _, o := range p.Ops {
			if o.Excused {
				v.Excused++
			}
		}
		v.Violations = append(v.Violations, reads.Check(p)...)
		for _, h := range p.histories(born) {
			v.judge(h)
		}
	}
	return v
}

func (v *Verdict) judge(h history) {
	v.Histories++
	v.Checked += len(h.ops)
	v.Longest = max(v.Longest, len(h.ops))
	switch h.check(checkTimeout) {
	case porcupine.Unknown:
		v.Undecided = append(v.Undecided, h.name)
	case porcupine.Illegal:
		culprit, ops := h.shortest()
		text := fmt.Sprintf("%s: no order explains the answers (%d requests)", h.name, len(h.ops))
		if culprit != nil {
			text += "; the first that none explains is " + strings.TrimSpace(culprit.String())
		}
		v.Violations = append(v.Violations, Violation{"linearizable", text, related(ops, culprit)})
		v.Visualized = append(v.Visualized, history{h.name, h.model, ops})
	}
}

// Answers are the answers that no client should ever be given: an outage is 503, and says in whole seconds
// when to come again; in a BulkResponse there is no place for that.
func Answers(ops []*Op) (violations []Violation) {
	for _, o := range ops {
		wait, err := strconv.Atoi(o.RetryAfter)
		unavailable := o.Status == http.StatusServiceUnavailable && (o.Batch != 0 || err == nil && wait > 0)
		if o.Outcome == Odd || o.Status >= http.StatusInternalServerError && !unavailable {
			text := fmt.Sprintf("#%d was answered %d, Retry-After %q: %s", o.ID, o.Status, o.RetryAfter, o.Detail)
			violations = append(violations, Violation{"answers", text, []*Op{o}})
		}
	}
	return violations
}
