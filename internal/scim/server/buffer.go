package server

import "sync"

const (
	// initialSize is enough for most users and for small groups, in bytes.
	initialSize = 2 << 10
	// largestKept is enough for a page of users, in bytes. Longer responses are rare, and their buffers would
	// be kept for short ones.
	largestKept = 128 << 10
)

// buffer holds the text of a response. It is reused for other requests.
type buffer struct{ text []byte }

var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, initialSize)} }}

func newBuffer() *buffer {
	return buffers.Get().(*buffer) //nolint:errcheck // the pool has no other type
}

// response returns a response whose body, or the beginning of it, is the text of the buffer.
func (b *buffer) response(status int) *response {
	return &response{status: status, body: b.text, buffer: b}
}

// free returns the buffer to the pool. Its text must not be used after that.
func (b *buffer) free() {
	if cap(b.text) <= largestKept {
		b.text = b.text[:0]
		buffers.Put(b)
	}
}
