package server

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
)

// response is a response before it is written.
type response struct {
	status int
	header header
	body   []byte           // JSON; nil if none
	buffer *buffer          // holds body, for this response only; nil if the body is not in a buffer
	rest   iter.Seq[[]byte] // the rest of the body, produced as it is written; nil if none
}

// header holds the fields of a response. It takes less memory than an http.Header. Names have the canonical
// form, such as "Etag".
type header struct{ names, values []string }

// mostFields is the largest number of fields of a response, reached by that to a POST.
const mostFields = 7

// set adds a field. The response must not have it yet.
func (resp *response) set(name, value string) {
	if resp.header.names == nil {
		resp.header = header{make([]string, 0, mostFields), make([]string, 0, mostFields)}
	}
	resp.header.names, resp.header.values = append(resp.header.names, name), append(resp.header.values, value)
}

func (resp *response) get(name string) string {
	if i := slices.Index(resp.header.names, name); i >= 0 {
		return resp.header.values[i]
	}
	return ""
}

func (resp *response) write(w http.ResponseWriter, req *request) {
	resp.set("X-Request-Id", req.record.RequestID)
	if resp.body != nil {
		resp.set("Content-Type", mediaType(req.Header.Values("Accept")))
		resp.set("X-Content-Type-Options", "nosniff")
		resp.set("Cache-Control", "no-store") // a resource is personal data, and a proxy must not keep it
		if resp.rest == nil {
			resp.set("Content-Length", strconv.Itoa(len(resp.body)))
		}
	}
	h := w.Header()
	for i, name := range resp.header.names {
		h[name] = resp.header.values[i : i+1 : i+1]
	}
	w.WriteHeader(resp.status)
	if resp.body == nil {
		return
	}
	_, err := w.Write(resp.body) //nolint:gosec // G705: the body is declared as JSON, with nosniff
	if err == nil && resp.rest != nil && req.Method != http.MethodHead {
		err = writeAll(w, resp.rest)
	}
	if err == nil { // after an error, HTTP/2 may still read the body: https://go.dev/issue/20704
		resp.free()
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

// free returns the buffer to the pool.
func (resp *response) free() {
	if resp.buffer != nil {
		resp.buffer.free()
	}
}
