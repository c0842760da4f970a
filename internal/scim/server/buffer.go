package server

import "sync"

const (
	// usualSize is room for most users and for small groups, in bytes.
	usualSize = 2 << 10
	// largestKept is room for a page of users. What is longer is rare, and would be kept for answers that are not.
	largestKept = 128 << 10
)

// buffer is what an answer is written in. Another request uses it again.
type buffer struct{ text []byte }

var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, usualSize)} }}

func newBuffer() *buffer {
	return buffers.Get().(*buffer) //nolint:errcheck // the pool has no others
}

// answer is one whose body, or the beginning of it, is what has been written.
func (b *buffer) answer(status int) *answer { return &answer{status: status, body: b.text, buffer: b} }

// free gives the buffer back. Nobody may look at its text any more.
func (b *buffer) free() {
	if cap(b.text) <= largestKept {
		b.text = b.text[:0]
		buffers.Put(b)
	}
}
