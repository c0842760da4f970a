package quickstart

import (
	"bytes"
	"io"
	"sync"
)

// tailSize is how much of a process's output is kept to be shown when it fails.
const tailSize = 4 << 10

// tailWriter passes on what is written, and keeps the end of it.
type tailWriter struct {
	to io.Writer

	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.kept = append(w.kept, p...)
	w.kept = w.kept[max(0, len(w.kept)-tailSize):]
	w.mu.Unlock()
	return w.to.Write(p)
}

// last returns the end of what was written, in whole lines.
func (w *tailWriter) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.kept
	if len(kept) == tailSize {
		_, kept, _ = bytes.Cut(kept, []byte("\n"))
	}
	return string(bytes.TrimSpace(kept))
}
