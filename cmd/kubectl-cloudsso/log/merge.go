package log

import (
	"slices"
	"time"
)

// merge passes the lines of all streams on, sorted by time. Each stream has its lines in order, so one line of each is held. It
// returns why streams have ended, in their order: io.EOF for one that was read to its end.
func merge(streams []*stream, pass func(line)) (ends []error) {
	heads := make([]*head, len(streams))
	for i, s := range streams {
		heads[i] = &head{stream: s}
		heads[i].advance()
	}
	for {
		var earliest *head
		for _, h := range heads {
			if h.end == nil && (earliest == nil || h.at.Before(earliest.at)) {
				earliest = h
			}
		}
		if earliest == nil {
			break
		}
		pass(earliest.line)
		earliest.advance()
	}
	for _, h := range heads {
		ends = append(ends, h.end)
	}
	return ends
}

// head is the next line of a stream, or why it has ended.
type head struct {
	line
	stream *stream
	end    error
}

func (h *head) advance() { h.line, h.end = h.stream.next() }

// tail keeps the last lines. A limit below zero keeps all.
type tail struct {
	limit int
	lines []line
}

func (t *tail) add(l line) {
	t.lines = append(t.lines, l)
	if t.limit >= 0 && len(t.lines) >= 2*t.limit+tailSlack { // not for each line, because it moves all of them
		t.cut()
	}
}

// tailSlack is how many lines are held beyond twice the limit, so that a small limit is not cut at each line.
const tailSlack = 100

func (t *tail) cut() []line {
	if t.limit >= 0 && len(t.lines) > t.limit {
		t.lines = slices.Clone(t.lines[len(t.lines)-t.limit:])
	}
	return t.lines
}

// mergeDelay is how long a line that is followed waits for an earlier one of another replica: the logs of two nodes reach a
// person with a difference of less than a second.
const mergeDelay = time.Second

// window sorts the lines that arrive from several replicas.
type window struct {
	arrivals []arrival // sorted by the lines' times
}

type arrival struct {
	line
	arrived time.Time
}

// push adds a line that has arrived now.
func (w *window) push(l line, now time.Time) {
	i := len(w.arrivals)
	for i > 0 && l.at.Before(w.arrivals[i-1].at) {
		i--
	}
	w.arrivals = slices.Insert(w.arrivals, i, arrival{l, now})
}

// pop returns, sorted, the lines that have waited long enough, and those with an earlier time.
func (w *window) pop(now time.Time) (ready []line) {
	n := 0
	for i, a := range w.arrivals {
		if now.Sub(a.arrived) >= mergeDelay {
			n = i + 1
		}
	}
	for _, a := range w.arrivals[:n] {
		ready = append(ready, a.line)
	}
	w.arrivals = slices.Delete(w.arrivals, 0, n)
	return ready
}
