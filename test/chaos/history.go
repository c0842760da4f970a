package chaos

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what a request asks for.
type Kind string

// The kinds of requests. Final is no request: it is what the API server holds when all is over.
const (
	Create         Kind = "create"
	Rename         Kind = "rename"
	Activate       Kind = "activate"
	Deactivate     Kind = "deactivate"
	Delete         Kind = "delete"
	Read           Kind = "read"
	FindName       Kind = "find by name"
	FindExternal   Kind = "find by externalId"
	AddMembers     Kind = "add members"
	RemoveMembers  Kind = "remove members"
	ReplaceMembers Kind = "replace members"
	EmptyGroup     Kind = "empty group"
	FindMember     Kind = "find member"
	Final          Kind = "final state"
)

// Outcome is what became of a request, as far as its sender knows.
type Outcome string

// The outcomes. Unsent is a request that nobody received, or a read that nobody answered: it says nothing. Refused
// is one that came while synchronization was switched off: it has done nothing.
const (
	Done    Outcome = "done"
	Missing Outcome = "404"
	Taken   Outcome = "409"
	Changed Outcome = "412"
	Refused Outcome = "403"
	Empty   Outcome = "empty"
	Unknown Outcome = "unknown"
	Unsent  Outcome = "unsent"
	Odd     Outcome = "odd" // an answer that the workload never deserves
)

// Forever is when a request returns whose answer never came.
const Forever = time.Duration(math.MaxInt64)

// Life is one process of one replica: restarted, it is another.
type Life struct{ Slot, Number int }

func (l Life) String() string { return fmt.Sprintf("%d.%d", l.Slot, l.Number) }

// Seen is a resource as an answer showed it.
type Seen struct {
	ID, Name, ExternalID string
	Active               bool
	// Marker is the id of the request that wrote this state, Origin of the one that created or restored it.
	Marker, Origin int
	Version        string
	Modified       time.Time
	Created        time.Time
	Deprovisioned  bool // final state only
	Manual         bool // final state only
	Members        []string
}

// Op is one request and its answer.
type Op struct {
	ID        int
	Client    int
	Partition string // whose history it belongs to
	Group     bool   // about a group; else about a user
	Kind      Kind
	Life      Life
	Batch     int // the first operation of the bulk request that it was part of

	Subject    string // id of the resource
	Name       string
	ExternalID string
	Members    []string
	// IfVersion makes the request conditional on the state that the request number IfMarker wrote.
	IfVersion string
	IfMarker  int
	// Put makes a rename a PUT of all that is known, Origin included; else it is a PATCH.
	Put    bool
	Origin int

	Call, Return time.Duration
	Outcome      Outcome
	Status       int
	RetryAfter   string
	Detail       string
	Result       string // id of what was created or restored
	Seen         []Seen

	// Resolved says that an unknown outcome turned out to have happened; see resolve.go.
	Resolved bool
	// Excused says that the answer may be due to others who were at the same at that time; see Excuse.
	Excused bool

	set map[string]bool // Members, where they are many
}

// many is from how many members on they are looked up in a set, and no more of them are printed.
const many = 12

// index makes the members of a crowd quick to look up.
func (o *Op) index() {
	if len(o.Members) > many {
		o.set = toSet(o.Members)
	}
}

// names reports whether the request is about a member.
func (o *Op) names(member string) bool {
	if o.set != nil {
		return o.set[member]
	}
	return slices.Contains(o.Members, member)
}

// Writes reports whether the request, if done, changes something.
func (o *Op) Writes() bool {
	switch o.Kind {
	case Read, FindName, FindExternal, FindMember, Final:
		return false
	}
	return true
}

// Takes reports whether the request is to give a name to something.
func (o *Op) Takes() bool { return o.Kind == Create || o.Kind == Rename }

// Happened reports whether the request is known to have had its effect.
func (o *Op) Happened() bool { return o.Writes() && (o.Outcome == Done || o.Resolved) }

func (o *Op) String() string {
	what := "user"
	if o.Group {
		what = "group"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s…%s client %d replica %s: %s %s", o.ID, clock(o.Call), clock(o.Return), o.Client, o.Life, what, o.Kind)
	for _, part := range []struct{ label, value string }{
		{"", o.Subject}, {"name ", o.Name}, {"externalId ", o.ExternalID}, {"members ", listed(o.Members)},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s%s", part.label, part.value)
		}
	}
	if o.Put {
		b.WriteString(" by PUT")
	}
	if o.IfMarker != 0 {
		fmt.Fprintf(&b, " if still as #%d wrote it", o.IfMarker)
	}
	if o.Batch != 0 {
		fmt.Fprintf(&b, " in bulk #%d", o.Batch)
	}
	fmt.Fprintf(&b, " → %s", o.Outcome)
	if o.Resolved {
		b.WriteString(" (it happened)")
	}
	if o.Excused {
		b.WriteString(" (others were at it)")
	}
	if o.Result != "" {
		fmt.Fprintf(&b, " %s", o.Result)
	}
	for _, s := range o.Seen {
		fmt.Fprintf(&b, " %s", s)
	}
	if o.Detail != "" {
		fmt.Fprintf(&b, " %q", o.Detail)
	}
	return b.String()
}

func (s Seen) String() string {
	if s.Members != nil {
		return fmt.Sprintf("{%s %s #%d members %s}", s.ID, s.Name, s.Marker, listed(s.Members))
	}
	return fmt.Sprintf("{%s %s %s active=%v #%d origin #%d}", s.ID, s.Name, s.ExternalID, s.Active, s.Marker, s.Origin)
}

// listed are ids to be read, the first of them if they are many.
func listed(ids []string) string {
	if len(ids) <= many {
		return strings.Join(ids, ",")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:many], ","), len(ids)-many)
}

func clock(d time.Duration) string {
	if d == Forever {
		return "∞"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 4, 64)
}

// History notes requests. It is safe for concurrent use.
type History struct {
	start time.Time
	next  atomic.Int64

	mu  sync.Mutex
	ops []*Op
}

// NewHistory begins now.
func NewHistory() *History { return &History{start: time.Now()} }

// Now is the time since the beginning.
func (h *History) Now() time.Duration { return time.Since(h.start) }

// NewID is the id of the next request.
func (h *History) NewID() int { return int(h.next.Add(1)) }

// NoteReturned adds a request that has returned, or whose answer will never come.
func (h *History) NoteReturned(o *Op) {
	if o.Outcome == Unknown {
		o.Return = Forever
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// Ops are the requests noted so far, in the order of their invocation.
func (h *History) Ops() []*Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := slices.Clone(h.ops)
	slices.SortFunc(ops, func(a, b *Op) int { return int(a.Call - b.Call) })
	return ops
}

// carriedThrough is how long a service may go on with a request whose client has given up: the 25 seconds
// that it gives a write, and some.
const carriedThrough = 30 * time.Second

// latest is until when a request may have been under way whose answer was lost. An operation of a bulk request
// began before its client gave up.
func (o *Op) latest() time.Duration {
	if o.Batch != 0 {
		return o.Call + patience + carriedThrough
	}
	return o.Call + carriedThrough
}

// AwaitQuiet returns when no request can be under way any more, or when ctx ends.
func (h *History) AwaitQuiet(ctx context.Context) {
	var last time.Duration
	for _, o := range h.Ops() {
		if o.Outcome == Unknown {
			last = max(last, o.latest())
		}
	}
	pause(ctx, last-h.Now())
}
