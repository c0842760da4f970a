package pages

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	// streamLife is how long a stream lasts. The browser opens the next one, and with it the session is checked again.
	streamLife = 10 * time.Minute
	// streamPause is after how long without an event an empty one is sent, so that no proxy takes the stream for dead.
	streamPause = 15 * time.Second
	// streamRetry is after how long a browser opens a stream again that has broken off.
	streamRetry = 2 * time.Second
)

// stream sends events to a page that is open, as the HTML standard describes them (server-sent events).
type stream struct {
	writer  http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
	latest  time.Time // of the events
}

// openStream begins a response that goes on beyond the write timeout of the server. TCP's keep-alive finds a browser that has gone.
func (c *console) openStream(w http.ResponseWriter) (*stream, error) {
	s := &stream{writer: w, control: http.NewResponseController(w), now: c.Now, latest: c.Now()}
	if err := s.control.SetWriteDeadline(time.Time{}); err != nil {
		return nil, err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy of nginx would hold the events back
	return s, s.write(fmt.Appendf(nil, "retry: %d\n\n", streamRetry.Milliseconds()))
}

// send sends an event. Its id is the time from which a stream has to go on if this one breaks off.
func (s *stream) send(name string, data []byte) error {
	s.latest = s.now()
	event := fmt.Appendf(nil, "event: %s\nid: %s\n", name, s.latest.UTC().Format(time.RFC3339Nano))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte(" ")) // it would end a line of the stream
	for line := range bytes.Lines(data) {
		event = append(append(append(event, "data: "...), bytes.TrimSuffix(line, []byte("\n"))...), '\n')
	}
	if len(data) == 0 {
		event = append(event, "data:\n"...)
	}
	return s.write(append(event, '\n'))
}

// keepAlive sends an empty event if none was sent for a while.
func (s *stream) keepAlive() error {
	if s.now().Sub(s.latest) < streamPause {
		return nil
	}
	return s.send("alive", nil)
}

func (s *stream) write(event []byte) error {
	if _, err := s.writer.Write(event); err != nil {
		return err
	}
	return s.control.Flush()
}

// stream returns the handler of a stream: run sends events until it returns, or until the browser or the time is gone, or the server
// stops.
func (c *console) stream(run func(ctx context.Context, r *request, s *stream)) http.HandlerFunc {
	return func(w http.ResponseWriter, plain *http.Request) {
		r := &request{Request: plain, now: c.Now()}
		var err error
		if r.Session, err = c.Session(plain); err != nil {
			v := problemView(err)
			v.complete(r)
			v.write(w, plain)
			return
		}
		ctx, cancel := context.WithTimeout(plain.Context(), streamLife)
		defer cancel()
		go func() {
			select {
			case <-c.Stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
		if s, err := c.openStream(w); err == nil {
			run(ctx, r, s)
		}
	}
}
