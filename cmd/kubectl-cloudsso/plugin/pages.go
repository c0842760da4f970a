package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// pagePrinter prints the answers of the API server in one format.
type pagePrinter interface {
	// accept returns the media type that the printer reads.
	accept() string
	// printList prints a page of a list, and returns the token of the next; "" after the last.
	printList(raw []byte) (next string, err error)
	printOne(raw []byte) error
	// close prints what ends the list.
	close() error
	// printed returns how many objects were printed.
	printed() int
	// notSeen returns the names that no object had.
	notSeen() []string
}

func newPagePrinter(w io.Writer, o *Objects) (pagePrinter, error) {
	names := newNameFilter(o.Names)
	if o.isTable() {
		return newTablePages(w, o, names), nil
	}
	write, known := itemWriters[o.Output]
	if !known {
		return nil, fmt.Errorf("--output %q: give wide, json, yaml or name", o.Output)
	}
	return &itemPages{nameFilter: names, w: w, format: write(o.Single)}, nil
}

func (o *Objects) isTable() bool { return o.Output == "" || o.Output == "wide" }

// nameFilter passes objects by name, and counts them.
type nameFilter struct {
	wanted map[string]bool // false once it was seen; nil if all are wanted
	count  int
}

func newNameFilter(names []string) *nameFilter {
	if names == nil {
		return &nameFilter{}
	}
	f := &nameFilter{wanted: make(map[string]bool, len(names))}
	for _, name := range names {
		f.wanted[name] = true
	}
	return f
}

func (f *nameFilter) pass(name string) bool {
	if f.wanted != nil {
		if _, wanted := f.wanted[name]; !wanted {
			return false
		}
		f.wanted[name] = false
	}
	f.count++
	return true
}

func (f *nameFilter) printed() int { return f.count }

func (f *nameFilter) notSeen() (names []string) {
	for name, missing := range f.wanted {
		if missing {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// tablePages prints the tables that the API server makes of objects, with the printer of kubectl.
type tablePages struct {
	*nameFilter
	printer    printers.ResourcePrinter
	lastChange bool
	w          interface {
		io.Writer
		Flush() error
	}
}

func newTablePages(w io.Writer, o *Objects, names *nameFilter) *tablePages {
	options := printers.PrintOptions{Wide: o.Output == "wide", WithNamespace: o.AllNamespaces, NoHeaders: o.NoHeaders}
	// One writer for all pages, because it remembers the widths of the columns.
	return &tablePages{names, printers.NewTablePrinter(options), o.LastChange, printers.GetNewTabWriter(w)}
}

func (t *tablePages) accept() string { return "application/json;as=Table;v=v1;g=meta.k8s.io" }

// printOne leaves the row to close, so that the columns have one width for all objects that are read one by one.
func (t *tablePages) printOne(raw []byte) error {
	_, err := t.add(raw)
	return err
}

func (t *tablePages) printList(raw []byte) (next string, err error) {
	next, err = t.add(raw)
	return next, errors.Join(err, t.w.Flush())
}

// add adds the rows of a table to those that are written with the next Flush.
func (t *tablePages) add(raw []byte) (next string, err error) {
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		return "", err
	}
	if table.Kind != "Table" {
		return "", fmt.Errorf("the API server answered with a %s, not with a Table", table.Kind)
	}
	rows := table.Rows[:0]
	for _, row := range table.Rows {
		about := &metav1.PartialObjectMetadata{}
		if err := json.Unmarshal(row.Object.Raw, about); err != nil {
			return "", err
		}
		if !t.pass(about.Name) {
			continue
		}
		row.Object.Object = about
		if t.lastChange {
			row.Cells = append(row.Cells, lastChangeCells(about)...)
		}
		for i, cell := range row.Cells {
			if text, isText := cell.(string); isText {
				row.Cells[i] = Printable(text)
			}
		}
		rows = append(rows, row)
	}
	table.Rows = rows
	if t.lastChange {
		table.ColumnDefinitions = append(table.ColumnDefinitions, lastChangeColumns...)
	}
	if len(rows) == 0 { // the printer would print the headers
		return table.Continue, nil
	}
	return table.Continue, t.printer.PrintObj(&table, t.w)
}

// lastChangeColumns are the columns for Objects.LastChange.
var lastChangeColumns = []metav1.TableColumnDefinition{
	{Name: "Last Change", Type: "string"}, {Name: "Cause", Type: "string"}, {Name: "Credential", Type: "string"}, {Name: "Request", Type: "string"},
}

func lastChangeCells(o metav1.Object) []any {
	change, _ := policy.LastChangeOf(o) // empty if no request has written the object
	return []any{OrNone(change.Time), OrNone(change.Cause), OrNone(change.Credential), OrNone(change.RequestID)}
}

func (t *tablePages) close() error { return t.w.Flush() }

// itemPages prints objects one by one.
type itemPages struct {
	*nameFilter
	w      io.Writer
	format itemWriter
}

// itemWriter writes objects in a format. begin, separator and end are written around them.
type itemWriter struct {
	begin, separator, end string
	empty                 string // in place of all, if there are no objects
	item                  func(*unstructured.Unstructured) ([]byte, error)
}

var itemWriters = map[string]func(single bool) itemWriter{
	"json": func(single bool) itemWriter {
		if single {
			return itemWriter{item: jsonItem("")}
		}
		const begin, end = "{\n    \"apiVersion\": \"v1\",\n    \"items\": [", "],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
		return itemWriter{
			begin: begin + "\n        ", separator: ",\n        ", end: "\n    " + end, empty: begin + end,
			item: func(o *unstructured.Unstructured) ([]byte, error) {
				text, err := jsonItem("        ")(o)
				return bytes.TrimSuffix(text, []byte("\n")), err
			},
		}
	},
	"yaml": func(single bool) itemWriter {
		if single {
			return itemWriter{item: func(o *unstructured.Unstructured) ([]byte, error) { return marshalYAML(o.Object) }}
		}
		const end = "kind: List\nmetadata:\n  resourceVersion: \"\"\n"
		return itemWriter{
			begin: "apiVersion: v1\nitems:\n", end: end, empty: "apiVersion: v1\nitems: []\n" + end,
			item: func(o *unstructured.Unstructured) ([]byte, error) { return marshalYAML([]any{o.Object}) },
		}
	},
	"name": func(bool) itemWriter {
		return itemWriter{item: func(o *unstructured.Unstructured) ([]byte, error) {
			var text bytes.Buffer
			err := (&printers.NamePrinter{}).PrintObj(o, &text)
			return text.Bytes(), err
		}}
	},
}

func jsonItem(prefix string) func(*unstructured.Unstructured) ([]byte, error) {
	return func(o *unstructured.Unstructured) ([]byte, error) { return marshalJSON(o.Object, prefix, "    ") }
}

// marshalYAML returns a value as YAML. yaml.Marshal fails on some control characters.
func marshalYAML(value any) ([]byte, error) {
	text, err := marshalJSON(value, "", "")
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(text)
}

func (p *itemPages) accept() string { return "application/json" }

func (p *itemPages) printList(raw []byte) (next string, err error) {
	var list unstructured.UnstructuredList
	if err := list.UnmarshalJSON(raw); err != nil {
		return "", err
	}
	for i := range list.Items {
		if err := p.printItem(&list.Items[i]); err != nil {
			return "", err
		}
	}
	return list.GetContinue(), nil
}

func (p *itemPages) printOne(raw []byte) error {
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(raw); err != nil {
		return err
	}
	return p.printItem(o)
}

func (p *itemPages) printItem(o *unstructured.Unstructured) error {
	before := p.format.separator
	if p.count == 0 {
		before = p.format.begin
	}
	if !p.pass(o.GetName()) {
		return nil
	}
	o.SetManagedFields(nil) // as kubectl does
	text, err := p.format.item(o)
	if err != nil {
		return err
	}
	_, err = io.WriteString(p.w, before+string(text))
	return err
}

func (p *itemPages) close() error {
	end := p.format.end
	if p.count == 0 {
		end = p.format.empty
	}
	_, err := io.WriteString(p.w, end)
	return err
}
