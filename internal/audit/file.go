package audit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"

	"gopkg.in/natefinch/lumberjack.v2"
)

// FileOptions describe the file of the provisioning log.
type FileOptions struct {
	Path string
	// MaxSize is the size in megabytes at which a new file begins; MaxBackups is how many old ones are kept.
	MaxSize, MaxBackups int
}

// fileMode makes the file readable for its owner alone. lumberjack gives new files the mode of the former one.
const fileMode = 0o600

// OpenFile opens the file, or creates it, readable for its owner alone.
func OpenFile(o FileOptions) (io.WriteCloser, error) {
	file := &lumberjack.Logger{Filename: o.Path, MaxSize: o.MaxSize, MaxBackups: o.MaxBackups}
	if _, err := file.Write(nil); err != nil { // so that a path that cannot be written is an error at once
		return nil, err
	}
	if err := os.Chmod(o.Path, fileMode); err != nil { // a file that exists already may have another mode
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// encoded returns a line as JSON in the form of the operator's log.
func encoded(line slog.Record) []byte {
	var b bytes.Buffer
	_ = slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: asOperatorLog}).Handle(context.Background(), line) // a buffer takes all
	return b.Bytes()
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
