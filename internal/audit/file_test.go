package audit_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

// fullDisk is a device on which every write fails as on a full disk.
const fullDisk = "/dev/full"

var deactivation = audit.Record{Event: audit.ResourceModified, RequestID: "7f3a", Credential: "okta", Operation: "Modify", Status: 200, Effects: []string{"Deactivated"}}

func openFile(t *testing.T, path string) audit.Config {
	t.Helper()
	file, err := audit.OpenFile(audit.FileOptions{Path: path, MaxSize: 1, MaxBackups: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	return audit.Config{Log: slog.DiscardHandler, File: file, Now: now}
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestFileHasEveryAdmittedRequestButSuccessfulReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	log := audit.New(openFile(t, path))
	if err := log.Begin(deactivation); err != nil {
		t.Fatal(err)
	}
	for _, r := range []audit.Record{
		deactivation,
		{Event: audit.ResourceRead, Status: 200},
		{Event: audit.RequestRefused, Credential: "okta", Operation: "Read", Status: 404},
	} {
		log.Write(t.Context(), r)
	}
	log.Close()
	want := []string{
		`{"ts":"2026-01-02T03:04:05Z","level":"info","msg":"Resource Modified","requestID":"7f3a","credential":"okta","operation":"Modify","effects":["Deactivated"],"status":200,"duration":0}`,
		`{"ts":"2026-01-02T03:04:05Z","level":"warn","msg":"Request Refused","credential":"okta","operation":"Read","status":404,"duration":0}`,
	}
	if got := linesOf(t, path); !slices.Equal(got, want) {
		t.Errorf("the file has\n%s", strings.Join(got, "\n"))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the file is %v, %v", info.Mode(), err)
	}
}

// A client without a token could otherwise fill the disk, or rotate the lines of changes away.
func TestFileHasNoLineOfARequestThatWasNotAdmitted(t *testing.T) {
	var operatorLog, file bytes.Buffer
	log := audit.New(audit.Config{Log: slog.NewJSONHandler(&operatorLog, nil), File: &file})
	refused := []audit.Record{
		{Event: audit.AuthenticationRefused, Status: 401},
		{Event: audit.AuthenticationRefused, Status: 401, Credential: "expired"},
		{Event: audit.RequestLimited, Status: 429},
		{Event: audit.RequestLimited, Status: 429, Credential: "okta"},
		{Event: audit.RequestUnknown, Status: 404},
		{Event: audit.RequestRefused, Operation: "Discovery", Status: 403},
		{Event: audit.RequestFailed, Status: 503, Reason: "starting"},
	}
	for _, r := range refused {
		log.Write(t.Context(), r)
	}
	log.Close()
	if file.Len() > 0 {
		t.Errorf("the file has\n%s", &file)
	}
	if n := strings.Count(operatorLog.String(), "\n"); n != len(refused) {
		t.Errorf("the operator's log has %d of %d lines", n, len(refused))
	}
}

func TestRequiredFileHasAChangeBeforeItIsCarriedOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	c := openFile(t, path)
	c.Required = true
	log := audit.New(c)
	requested := deactivation
	requested.Status = 0
	if err := log.Begin(requested); err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	want := `{"ts":"2026-01-02T03:04:05Z","level":"info","msg":"Change Requested","requestID":"7f3a","credential":"okta","operation":"Modify","effects":["Deactivated"]}`
	if got := linesOf(t, path); !slices.Equal(got, []string{want}) {
		t.Errorf("the file has\n%s", strings.Join(got, "\n"))
	}
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile(fullDisk, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	var operatorLog bytes.Buffer
	var results []error
	c := audit.Config{
		Log: slog.NewJSONHandler(&operatorLog, nil), File: full,
		FileResult: func(err error) { results = append(results, err) },
	}
	log := audit.New(c)
	if err := log.Begin(deactivation); err != nil {
		t.Errorf("a file that is not required refuses a change: %v", err)
	}
	log.Close()
	c.Required = true
	log = audit.New(c)
	if err := log.Begin(deactivation); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a required file permits a change that it does not record: %v", err)
	}
	log.Write(t.Context(), deactivation)
	log.Close()
	if !strings.Contains(operatorLog.String(), "7f3a") {
		t.Error("the operator's log does not have the line that the file did not take")
	}
	if len(results) != 2 || !errors.Is(results[1], syscall.ENOSPC) {
		t.Errorf("results %v, want two failures", results)
	}
}

// partialWriter takes a part of the first line, as a disk does that becomes full.
type partialWriter struct {
	bytes.Buffer
	failed bool
}

func (w *partialWriter) Write(line []byte) (int, error) {
	if !w.failed {
		w.failed = true
		n, _ := w.Buffer.Write(line[:10])
		return n, syscall.ENOSPC
	}
	return w.Buffer.Write(line)
}

func TestLineAfterAPartialOneIsALineOfItsOwn(t *testing.T) {
	var w partialWriter
	log := audit.New(audit.Config{Log: slog.DiscardHandler, File: &w})
	log.Write(t.Context(), deactivation)
	log.Write(t.Context(), deactivation)
	log.Close()
	lines := strings.Split(w.String(), "\n")
	if len(lines) != 3 || decoded(t, []byte(lines[1]))["requestID"] != "7f3a" || lines[2] != "" {
		t.Errorf("the file has %q", w.String())
	}
}

func TestFileIsRotatedBySize(t *testing.T) {
	dir := t.TempDir()
	c := openFile(t, filepath.Join(dir, "audit.log"))
	line := deactivation
	line.Detail = strings.Repeat("x", 200)
	for range 20 { // each part fits into the queue
		log := audit.New(c)
		for range 1000 {
			log.Write(t.Context(), line)
		}
		log.Close()
	}
	var sizes []int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // removed as one too many
		}
		sizes = append(sizes, info.Size())
		if info.Size() > 1<<20 {
			t.Errorf("%s has %d bytes", e.Name(), info.Size())
		}
	}
	if len(sizes) < 2 {
		t.Errorf("files of %v bytes, want more than one", sizes)
	}
}

func TestFileThatOthersCouldReadIsClosedToThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openFile(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the file is %v, %v", info.Mode(), err)
	}
}

func TestFileThatCannotBeOpenedIsAnErrorAtOnce(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.OpenFile(audit.FileOptions{Path: filepath.Join(blocked, "audit.log"), MaxSize: 1}); err == nil {
		t.Error("a file below a file was opened")
	}
}
