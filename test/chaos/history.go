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

// The kinds of requests. Final is not a request: it is what the API server holds at the end.
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

// Outcome is what the answer to a request says of its effect.
type Outcome string

// The outcomes. A request that is Unsent has not reached a replica, or is a read without an answer: it shows nothing.
// One that is Forbidden came while synchronization was off, and had no effect.
const (
	Done               Outcome = "done"
	NotFound           Outcome = "404"
	Conflict           Outcome = "409"
	PreconditionFailed Outcome = "412"
	Forbidden          Outcome = "403"
	Empty              Outcome = "empty"
	Unknown            Outcome = "unknown"
	Unsent             Outcome = "unsent"
	Unexpected         Outcome = "unexpected" // an answer that no request of the workload may get
)

// Forever is the return of a request without an answer.
const Forever = time.Duration(math.MaxInt64)

// Process is one process of one replica. A replica that is restarted is another process in the same slot.
type Process struct{ Slot, Number int }

func (p Process) String() string {
	if p == byHand {
		return "none (by hand)"
	}
	return fmt.Sprintf("%d.%d", p.Slot, p.Number)
}

// byHand is in the place of the process in an edit that an administrator makes through the API server.
var byHand = Process{Slot: -1}

// Seen is a resource as an answer showed it.
type Seen struct {
	ID, Name, ExternalID string
	Active               bool
	// Marker is the id of the request that wrote this state, Origin of the one that created or restored it.
	Marker, Origin int
	Version        string
	Modified       time.Time
	Deprovisioned  bool // final state only
	Manual         bool // final state only
	Members        []string
}

// Op is one request and its answer.
type Op struct {
	ID        int
	Client    int
	Partition string // the history that it belongs to
	Group     bool   // about a group; else about a user
	Kind      Kind
	Process   Process
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

	// Return is Forever if the outcome is unknown; Ended is when the answer came, or the client gave up.
	Call, Return, Ended time.Duration

	Outcome    Outcome
	Status     int
	RetryAfter string
	Detail     string
	Result     string // id of the object that was created or restored
	Seen       []Seen

	// Resolved says that a request of unknown outcome had its effect; see Resolve.
	Resolved bool
	// Repeated says that the answer may be due to an equal request at the same time; see MarkRepeated.
	Repeated bool

	set map[string]bool // Members, if they are many
}

// many is the number of members above which they are looked up in a set and not all printed.
const many = 12

// index makes many members quick to look up.
func (o *Op) index() {
	if len(o.Members) > many {
		o.set = toSet(o.Members)
	}
}

// names reports whether the request names a member.
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

// Names reports whether the request gives a name to an object.
func (o *Op) Names() bool { return o.Kind == Create || o.Kind == Rename }

// about returns the id of the resource that the request changes, reads or has created.
func (o *Op) about() string {
	if o.Result != "" {
		return o.Result
	}
	return o.Subject
}

func (o *Op) String() string {
	what := "user"
	if o.Group {
		what = "group"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s…%s client %d replica %s: %s %s", o.ID, clock(o.Call), clock(o.Return), o.Client, o.Process, what, o.Kind)
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
	if o.Repeated {
		b.WriteString(" (an equal request at the same time)")
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

// listed returns ids as text, the first of them if they are many.
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

// History records requests and edits. It is safe for concurrent use.
type History struct {
	start time.Time
	next  atomic.Int64

	mu          sync.Mutex
	ops         []*Op
	suspensions []Suspension
}

// NewHistory returns an empty history that begins now.
func NewHistory() *History { return &History{start: time.Now()} }

// Now returns the time since the beginning.
func (h *History) Now() time.Duration { return time.Since(h.start) }

// At returns when a time was, since the beginning.
func (h *History) At(t time.Time) time.Duration { return t.Sub(h.start) }

// NewID returns the id of the next request.
func (h *History) NewID() int { return int(h.next.Add(1)) }

// Record adds a request that has returned, or whose answer is lost.
func (h *History) Record(o *Op) {
	o.Ended = o.Return
	if o.Outcome == Unknown {
		o.Return = Forever
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// RecordSuspension adds a suspension that has returned.
func (h *History) RecordSuspension(s Suspension) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.suspensions = append(h.suspensions, s)
}

// Ops returns the requests recorded so far, in the order of their calls.
func (h *History) Ops() []*Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := slices.Clone(h.ops)
	slices.SortFunc(ops, func(a, b *Op) int { return int(a.Call - b.Call) })
	return ops
}

// Suspensions returns the suspensions recorded so far.
func (h *History) Suspensions() []Suspension {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.suspensions)
}

const (
	// requestTimeout is after what time the service ends a request, and writeTimeout the server-side timeout of each write.
	requestTimeout = 25 * time.Second
	writeTimeout   = 20 * time.Second
	// longestHeld is how long a proxy holds a write back, at most.
	longestHeld = 6 * time.Second
	// lateWrite is how long after the end of a request its last write may be carried out.
	lateWrite = writeTimeout + longestHeld
)

// latest returns until when a request of unknown outcome may have its effect. If it was answered, only a write of its may
// still be carried out. An operation of a bulk request began before its client gave up.
func (o *Op) latest() time.Duration {
	switch {
	case o.Status != 0:
		return o.Ended + lateWrite
	case o.Batch != 0:
		return o.Call + clientTimeout + requestTimeout + lateWrite
	}
	return o.Call + requestTimeout + lateWrite
}

// AwaitQuiet returns when no recorded request can have an effect any more, or when ctx ends.
func (h *History) AwaitQuiet(ctx context.Context) {
	var last time.Duration
	for _, o := range h.Ops() {
		if o.Outcome == Unknown {
			last = max(last, o.latest())
		}
	}
	pause(ctx, last-h.Now())
}
