package audit_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

const documentation = "../../docs/audit.md"

// documented returns the names in the first column of the tables under a heading.
func documented(t *testing.T, heading string) (names []string) {
	t.Helper()
	page, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?ms)^## ` + heading + `\n(.*?)^## `).FindSubmatch(page)
	if section == nil {
		t.Fatalf("%s has no section %q", documentation, heading)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllSubmatch(section[1], -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllSubmatch(row[1], -1) {
			names = append(names, string(name[1]))
		}
	}
	slices.Sort(names)
	return names
}

// declaredEvents returns the values of the constants of event.go.
func declaredEvents(t *testing.T) (events []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, text)
		}
		return true
	})
	slices.Sort(events)
	return events
}

func TestTheDocumentationHasEveryEvent(t *testing.T) {
	if got, want := documented(t, "Events"), declaredEvents(t); !slices.Equal(got, want) {
		t.Errorf("the documentation has %q, the code %q", got, want)
	}
}

func TestTheDocumentationHasEveryField(t *testing.T) {
	var out bytes.Buffer
	everything := audit.Record{
		Event: audit.ResourceModified, RequestID: "x", TraceID: "x", Namespace: "x", Credential: "x", Remote: "x", UserAgent: "x", Operation: "x", Method: "x",
		ResourceType: "x", ID: "x", UserName: "x", DisplayName: "x", ExternalID: "x", Effects: []string{"x"},
		Changes: []audit.Change{change("active", "true", "false")}, Added: audit.Members{Count: 1}, Removed: audit.Members{Count: 1},
		Status: 200, SCIMType: "x", Detail: "x", Reason: "x",
	}
	audit.New(audit.Config{Log: slog.NewJSONHandler(&out, nil), Values: []string{"active"}}).Write(t.Context(), everything)
	line := decoded(t, out.Bytes())
	for _, general := range []string{"time", "level", "msg"} {
		delete(line, general)
	}
	if got, want := documented(t, "Fields"), slices.Sorted(maps.Keys(line)); !slices.Equal(got, want) {
		t.Errorf("the documentation has %q, a line %q", got, want)
	}
}
