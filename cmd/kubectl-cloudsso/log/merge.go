package log

import (
	"errors"
	"io"
	"slices"
	"time"
)

// merge passes the lines of all streams on, sorted by time. Each stream has its lines in order, so one line of each is held.
func merge(streams []*stream, pass func(line) error) error {
	heads := make([]head, 0, len(streams))
	for _, s := range streams {
		heads = append(heads, head{stream: s})
	}
	for first := true; ; first = false {
		earliest := -1
		for i := range heads {
			if first {
				if err := heads[i].advance(); err != nil {
					return err
				}
			}
			if !heads[i].ended && (earliest < 0 || heads[i].line.at.Before(heads[earliest].line.at)) {
				earliest = i
			}
		}
		if earliest < 0 {
			return nil
		}
		if err := errors.Join(pass(heads[earliest].line), heads[earliest].advance()); err != nil {
			return err
		}
	}
}

// head is the next line of a stream.
type head struct {
	stream *stream
	line   line
	ended  bool
}

func (h *head) advance() (err error) {
	if h.line, err = h.stream.next(); errors.Is(err, io.EOF) {
		h.ended, err = true, nil
	}
	return err
}

// tail keeps the last lines. A limit below zero keeps all.
type tail struct {
	limit int
	lines []line
}

func (t *tail) add(l line) error {
	t.lines = append(t.lines, l)
	if t.limit >= 0 && len(t.lines) >= 2*t.limit+tailSlack { // not for each line, because it moves all of them
		t.cut()
	}
	return nil
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
