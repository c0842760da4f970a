package log

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// stream reads the lines of one container that a filter lets pass.
type stream struct {
	reader   *bufio.Reader
	filter   filter
	position *position
	counts   counts
	message  []byte // of the node: the first text without a time
}

// counts says what a log had, also what a filter does not let pass.
type counts struct {
	lines   int
	objects int // lines of JSON
}

func newStream(r io.Reader, f filter, p *position) *stream {
	return &stream{reader: bufio.NewReader(r), filter: f, position: p}
}

// next returns the next line. Its error is io.EOF after the last line of a log that was read to its end.
func (s *stream) next() (line, error) {
	for {
		stamped, err := s.reader.ReadBytes('\n')
		if err != nil {
			return line{}, s.end(stamped, err)
		}
		at, text := splitStamp(stamped)
		if at.IsZero() {
			s.note(text)
			continue
		}
		if !s.position.isNew(at) {
			continue
		}
		s.counts.add(text)
		if l, is := parseLine(at, text); is && s.filter.passes(l) {
			return l, nil
		}
	}
}

// end returns why a log has ended. rest is the text after the last line break: a line that was cut off, or the error of a node,
// which a kubelet appends to a response that has begun.
func (s *stream) end(rest []byte, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	at, text := splitStamp(rest)
	switch {
	case isPartOfStamp(rest) || !at.IsZero() && (len(text) == 0 || text[0] == '{'):
		return io.ErrUnexpectedEOF
	case at.IsZero():
		s.note(text)
	}
	if s.message != nil {
		return fmt.Errorf("its node says: %s", s.message)
	}
	return io.EOF
}

// messageLimit is how many bytes of a node's message are shown: an error has one or two sentences.
const messageLimit = 512

// note keeps a text without a time.
func (s *stream) note(text []byte) {
	if text = bytes.TrimSpace(text); len(text) > 0 && s.message == nil {
		s.message = bytes.Clone(text[:min(len(text), messageLimit)])
	}
}

// isPartOfStamp reports whether a text is the beginning of a time.
func isPartOfStamp(text []byte) bool {
	return len(text) > 0 && len(bytes.Trim(text, "0123456789-:.TZ+")) == 0
}

func (c *counts) add(text []byte) {
	c.lines++
	if bytes.HasPrefix(text, []byte("{")) {
		c.objects++
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
