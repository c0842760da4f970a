package log

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// Row is what a table shows of a request, a change or an Event. A field without a value is "".
type Row struct {
	At        time.Time
	Namespace string
	// Outcome is the event of the provisioning log, the cause of a change, or the reason of an Event.
	Outcome string
	// Status is the HTTP status.
	Status     string
	Credential string
	// Kind is User or Group, or another kind of an Event. ID is the metadata.name, and Object both as kubectl names objects.
	Kind, ID, Object string
	// Summary is what was done, or why it was refused. Reason and SCIMType are the words for it that are the same each time.
	Summary, Reason, SCIMType string
	// State is that of the user as it is now, if the row is its last change; "" otherwise.
	State                        v1alpha1.UserState
	RequestID, Remote, UserAgent string
}

// cells returns what a table shows of a row; wide is what it shows beside that if it is wide.
func (r Row) cells() (cells, wide []string, summary string) {
	cells = []string{stamp(r.At), r.Outcome, r.Status, r.Credential, r.Object, r.RequestID}
	wide = []string{r.ID, r.Remote, r.UserAgent}
	for _, texts := range [][]string{cells, wide} {
		for i, text := range texts {
			texts[i] = plugin.OrNone(text)
		}
	}
	return cells, wide, plugin.OrNone(r.Summary)
}

// table writes rows as kubectl does. One for all rows, because it remembers the widths of the columns.
type table struct {
	w             tabWriter
	isWide        bool
	withNamespace bool
	noHeaders     bool // or they are written
}

type tabWriter interface {
	io.Writer
	Flush() error
}

// tableStep is after how many rows a table is written: the columns of so many have one width.
const tableStep = 500

func newTable(w io.Writer, o options) *table {
	return &table{w: printers.GetNewTabWriter(w), isWide: o.output == "wide", withNamespace: o.allNamespaces, noHeaders: o.noHeaders}
}

// write writes rows, and the headers before the first.
func (t *table) write(rows []Row) error {
	for i, r := range rows {
		if !t.noHeaders {
			t.noHeaders = true
			t.writeCells("NAMESPACE", []string{"TIME", "OUTCOME", "STATUS", "CREDENTIAL", "OBJECT", "REQUEST"}, []string{"ID", "REMOTE", "USER AGENT"}, "SUMMARY")
		}
		cells, wide, summary := r.cells()
		t.writeCells(plugin.OrNone(r.Namespace), cells, wide, summary)
		if i%tableStep == tableStep-1 {
			if err := t.w.Flush(); err != nil {
				return err
			}
		}
	}
	return t.w.Flush()
}

// writeCells writes a row. The summary is last, because that of a refused request is longer than a terminal is wide.
func (t *table) writeCells(namespace string, cells, wide []string, summary string) {
	if t.withNamespace {
		cells = append([]string{namespace}, cells...)
	}
	if t.isWide {
		cells = append(cells, wide...)
	}
	fmt.Fprintln(t.w, strings.Join(append(cells, summary), "\t"))
}

// stamp returns a time with milliseconds, by which the lines of one second keep their order.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
