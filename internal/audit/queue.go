package audit

import (
	"errors"
	"io"
	"time"
)

const (
	// queuedLines bounds the lines that wait for the file: more than the greatest burst of a credential with the default rate.
	// Most lines have less than a kilobyte.
	queuedLines = 2_000
	// storeTimeout is how long a change waits for a required file. A line takes microseconds unless the volume hangs.
	storeTimeout = 5 * time.Second
	// closeTimeout is how long the end of the process waits for the file. terminationGracePeriodSeconds leaves more.
	closeTimeout = 3 * time.Second
)

var (
	errQueueFull   = errors.New("the file is too slow: too many lines wait for it")
	errNotInTime   = errors.New("the file has not taken the line in time")
	errQueueClosed = errors.New("the provisioning log is closed")
)

// queue has the lines that wait for the file. One goroutine writes them, so that no request waits for a volume that hangs.
type queue struct {
	to     io.Writer
	result func(error)
	lines  chan queuedLine
	stop   chan struct{} // closed by close
	ended  chan struct{} // closed at the end of the goroutine
	broken bool          // the last write has failed
}

// queuedLine is a line of the queue.
type queuedLine struct {
	text   []byte
	stored chan<- error // gets the result of the write, for which it has room; nil if no request waits
}

func newQueue(to io.Writer, result func(error)) *queue {
	q := &queue{to: to, result: result, lines: make(chan queuedLine, queuedLines), stop: make(chan struct{}), ended: make(chan struct{})}
	go q.run()
	return q
}

// add adds a line without waiting.
func (q *queue) add(text []byte, stored chan<- error) error {
	select {
	case q.lines <- queuedLine{text, stored}:
		return nil
	default:
		q.result(errQueueFull)
		return errQueueFull
	}
}

// store adds a line and waits until the file has it, for storeTimeout at most. The file may have it later all the same.
func (q *queue) store(text []byte) error {
	stored := make(chan error, 1)
	if err := q.add(text, stored); err != nil {
		return err
	}
	select {
	case err := <-stored:
		return err
	case <-q.ended:
		return errQueueClosed
	case <-time.After(storeTimeout):
		return errNotInTime
	}
}

// run writes lines until the queue is closed, and then those that still wait.
func (q *queue) run() {
	defer close(q.ended)
	for {
		select {
		case line := <-q.lines:
			q.write(line)
		case <-q.stop:
			for len(q.lines) > 0 {
				q.write(<-q.lines)
			}
			return
		}
	}
}

// write writes a line. After a write that has failed it begins a new line, because a full disk may have taken a part of the
// other one.
func (q *queue) write(line queuedLine) {
	text := line.text
	if q.broken {
		text = append([]byte{'\n'}, text...)
	}
	_, err := q.to.Write(text)
	if q.broken = err != nil; q.broken || len(q.lines) == 0 {
		q.result(err)
	}
	if line.stored != nil {
		line.stored <- err
	}
}

// close ends the queue, and waits until the lines in it are written, for closeTimeout at most.
func (q *queue) close() {
	close(q.stop)
	select {
	case <-q.ended:
	case <-time.After(closeTimeout):
	}
}
