package server

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
)

// answer is a response that is yet to be written.
type answer struct {
	status int
	header header
	body   []byte           // JSON; nil if none
	buffer *buffer          // that body is in, for this answer alone; nil if it is not
	rest   iter.Seq[[]byte] // of the body, made as it is written; nil if none
}

// header is the fields of an answer. It takes less room than an http.Header, whose form its names have: "Etag".
type header struct{ names, values []string }

// mostFields is as many as an answer has, the one to a POST.
const mostFields = 7

// set adds a field that is not there yet.
func (a *answer) set(name, value string) {
	if a.header.names == nil {
		a.header = header{make([]string, 0, mostFields), make([]string, 0, mostFields)}
	}
	a.header.names, a.header.values = append(a.header.names, name), append(a.header.values, value)
}

func (a *answer) get(name string) string {
	if i := slices.Index(a.header.names, name); i >= 0 {
		return a.header.values[i]
	}
	return ""
}

func (a *answer) write(w http.ResponseWriter, c *call) {
	a.set("X-Request-Id", c.record.RequestID)
	if a.body != nil {
		a.set("Content-Type", mediaType(c.Header.Values("Accept")))
		a.set("X-Content-Type-Options", "nosniff")
		if a.rest == nil {
			a.set("Content-Length", strconv.Itoa(len(a.body)))
		}
	}
	h := w.Header()
	for i, name := range a.header.names {
		h[name] = a.header.values[i : i+1 : i+1]
	}
	w.WriteHeader(a.status)
	if a.body == nil {
		return
	}
	_, err := w.Write(a.body) //nolint:gosec // G705: it is JSON, said to be so, and nosniff
	if err == nil && a.rest != nil && c.Method != http.MethodHead {
		err = writeAll(w, a.rest)
	}
	if err == nil { // else the client has gone, and HTTP/2 may be reading the body still: https://go.dev/issue/20704
		a.free()
	}
}

func writeAll(w http.ResponseWriter, parts iter.Seq[[]byte]) error {
	for part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// free lets others have the buffer.
func (a *answer) free() {
	if a.buffer != nil {
		a.buffer.free()
	}
}
