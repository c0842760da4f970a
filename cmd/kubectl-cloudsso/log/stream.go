package log

import (
	"bufio"
	"io"
	"time"
)

// stream reads the lines of one container that a filter lets pass.
type stream struct {
	reader   *bufio.Reader
	filter   filter
	position *position
}

func newStream(r io.Reader, f filter, p *position) *stream { return &stream{bufio.NewReader(r), f, p} }

// next returns the next line; io.EOF after the last.
func (s *stream) next() (line, error) {
	for {
		stamped, err := s.reader.ReadBytes('\n')
		if at, _ := splitStamp(stamped); len(stamped) > 0 && s.position.isNew(at) {
			if l, is := parseLine(stamped); is && s.filter.passes(l) {
				return l, nil // an error comes again
			}
		}
		if err != nil {
			return line{}, err
		}
	}
}

// position is how far the log of a container was read. The zero value is its beginning.
type position struct {
	at    time.Time // of the last line
	count int       // of lines of that time
	skip  int       // of these, how many are still to be skipped after resume
	// resumed says that lines are read again that begin up to a second before at.
	resumed bool
}

// resume prepares for another reading of the log, and returns the time from which to read; nil for its beginning.
func (p *position) resume() *time.Time {
	if p.at.IsZero() {
		return nil
	}
	p.resumed, p.skip = true, p.count
	return &p.at
}

// isNew moves the position to the next line, and reports whether the line was not read before.
func (p *position) isNew(at time.Time) bool {
	if p.resumed && at.Before(p.at) {
		return false
	}
	if p.resumed && at.Equal(p.at) && p.skip > 0 {
		p.skip--
		return false
	}
	p.resumed = false
	if !at.Equal(p.at) {
		p.at, p.count = at, 0
	}
	p.count++
	return true
}
