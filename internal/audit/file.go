package audit

import (
	"io"
	"log/slog"
	"strings"
	"sync"

	"gopkg.in/natefinch/lumberjack.v2"
)

// FileOptions describe the file of the provisioning log.
type FileOptions struct {
	Path string
	// MaxSize is the size in megabytes at which a new file begins; MaxBackups is how many old ones are kept.
	MaxSize, MaxBackups int
}

// OpenFile opens the file, or creates it, readable for its owner alone.
func OpenFile(o FileOptions) (io.WriteCloser, error) {
	file := &lumberjack.Logger{Filename: o.Path, MaxSize: o.MaxSize, MaxBackups: o.MaxBackups}
	if _, err := file.Write(nil); err != nil { // so that a path that cannot be written is an error at once
		return nil, err
	}
	return file, nil
}

// FileHandler returns a handler that writes lines of JSON in the form of the operator's log. Its Handle returns the error of
// the writer.
func FileHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(&lineWriter{to: w}, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: asOperatorLog})
}

// asOperatorLog gives the time and the level the names and values that they have in the operator's log.
func asOperatorLog(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) > 0:
	case a.Key == slog.TimeKey:
		a.Key = "ts"
	case a.Key == slog.LevelKey:
		a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
	}
	return a
}

// lineWriter begins a new line after a write that has failed, because a full disk may have taken a part of that line.
type lineWriter struct {
	to io.Writer

	mu     sync.Mutex
	failed bool
}

// Write implements io.Writer.
func (w *lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed {
		if _, err := w.to.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
	}
	n, err := w.to.Write(line)
	w.failed = err != nil
	return n, err
}
