package log

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// row is what a table shows of a request, a change or an Event.
type row struct {
	at                                                                 time.Time
	namespace, outcome, status, credential, object, summary, requestID string
	wide                                                               []string
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
func (t *table) write(rows []row) error {
	for i, r := range rows {
		if !t.noHeaders {
			t.noHeaders = true
			t.writeCells("NAMESPACE", []string{"TIME", "OUTCOME", "STATUS", "CREDENTIAL", "OBJECT", "SUMMARY", "REQUEST"}, []string{"ID", "REMOTE", "USER AGENT"})
		}
		t.writeCells(plugin.OrNone(r.namespace), []string{
			stamp(r.at), plugin.OrNone(r.outcome), plugin.OrNone(r.status), plugin.OrNone(r.credential),
			plugin.OrNone(r.object), plugin.OrNone(r.summary), plugin.OrNone(r.requestID),
		}, r.wide)
		if i%tableStep == tableStep-1 {
			if err := t.w.Flush(); err != nil {
				return err
			}
		}
	}
	return t.w.Flush()
}

func (t *table) writeCells(namespace string, cells, wide []string) {
	if t.withNamespace {
		cells = append([]string{namespace}, cells...)
	}
	if t.isWide {
		cells = append(cells, wide...)
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

// stamp returns a time with milliseconds, by which the lines of one second keep their order.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
