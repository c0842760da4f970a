package log

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// written returns the line that the operator writes of a request, as the API server sends it.
func written(t *testing.T, at time.Time, r audit.Record) string {
	t.Helper()
	var out bytes.Buffer
	handler := slog.NewJSONHandler(&out, nil).WithAttrs([]slog.Attr{slog.String("logger", loggerName)})
	audit.New(audit.Config{Log: handler}).Write(t.Context(), r)
	return at.Format(time.RFC3339Nano) + " " + out.String()
}

func parsed(t *testing.T, r audit.Record) line {
	t.Helper()
	r.RequestID = "request-1"
	l, is := parseLine([]byte(written(t, noon, r)))
	if !is {
		t.Fatalf("no line of the provisioning log: %v", r)
	}
	return l
}

func TestLineOfTheOperatorIsRead(t *testing.T) {
	l := parsed(t, audit.Record{
		Event: audit.ResourceModified, Namespace: "acme", Credential: "okta", Remote: "192.0.2.1:1", UserAgent: "Okta", ResourceType: "User", ID: "ada-1",
		UserName: "ada@example.com", Effects: []string{"Deactivated"}, Changes: []audit.Change{{Name: "active"}}, Status: 200,
	})
	want := row{
		at: noon, namespace: "acme", outcome: "Resource Modified", status: "200", credential: "okta", object: "User/ada@example.com",
		summary: "Deactivated, changed active", requestID: "request-1", wide: []string{"ada-1", "192.0.2.1:1", "Okta"},
	}
	if got := l.row(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSummary(t *testing.T) {
	for want, r := range map[string]audit.Record{
		"":                        {Event: audit.ResourceUnchanged, Status: 200},
		"expired":                 {Event: audit.AuthenticationRefused, Status: 401, Reason: "expired"},
		"uniqueness":              {Event: audit.RequestRefused, Status: 409, Detail: "uniqueness"},
		"in-flight: too many":     {Event: audit.RequestLimited, Status: 429, Reason: "in-flight", Detail: "too many"},
		"+7 members, -1 members":  {Event: audit.ResourceModified, Status: 200, Added: audit.Members{Count: 7}, Removed: audit.Members{Count: 1}},
		"Created, Restored":       {Event: audit.ResourceCreated, Status: 201, Effects: []string{"Created", "Restored"}},
		"changed userName,active": {Event: audit.ResourceModified, Status: 200, Changes: []audit.Change{{Name: "userName"}, {Name: "active"}}},
	} {
		if got := parsed(t, r).summary(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestObject(t *testing.T) {
	for want, r := range map[string]audit.Record{
		"":               {Event: audit.Discovery, Status: 500},
		"User":           {Event: audit.ResourcesQueried, Status: 400, ResourceType: "User"},
		"User/ada-1":     {Event: audit.RequestRefused, Status: 404, ResourceType: "User", ID: "ada-1"},
		"Group/Builders": {Event: audit.ResourceCreated, Status: 201, ResourceType: "Group", ID: "builders-1", DisplayName: "Builders"},
	} {
		if got := parsed(t, r).object(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOtherLinesAreSkipped(t *testing.T) {
	for _, text := range []string{
		"", "\n", "2027-01-31T12:00:00Z \n", "2027-01-31T12:00:00Z panic: {}\n", "no time {\"logger\":\"scim\"}\n", "2027-01-31T12:00:00Z [1]\n",
		`2027-01-31T12:00:00Z {"logger":"controller","msg":"x","requestID":"1","duration":1}`,
		`2027-01-31T12:00:00Z {"logger":"scim","msg":"SCIM request failed","requestID":"1","status":500}`,
		`2027-01-31T12:00:00Z {"logger":"scim","msg":"x","duration":1}`,
	} {
		if l, is := parseLine([]byte(text)); is {
			t.Errorf("%q is taken for %+v", text, l)
		}
	}
}

func TestFilter(t *testing.T) {
	ada := parsed(t, audit.Record{Event: audit.ResourceModified, Namespace: "acme", Credential: "okta", ResourceType: "User", ID: "ada-1", UserName: "Ada@example.com", Effects: []string{"Deactivated"}, Status: 200})
	group := parsed(t, audit.Record{Event: audit.ResourceModified, Namespace: "acme", ResourceType: "Group", ID: "ada", DisplayName: "ada@example.com", Added: audit.Members{Count: 1, IDs: []string{"ada-1"}}, Status: 200})
	leaving := parsed(t, audit.Record{Event: audit.ResourceModified, Namespace: "acme", ResourceType: "Group", ID: "g", Removed: audit.Members{Count: 1, IDs: []string{"ada-1"}}, Status: 200})
	query := parsed(t, audit.Record{Event: audit.ResourcesQueried, Status: 400})
	named := func(name string, ids ...string) filter {
		s := &subject{name: name, ids: map[string]bool{}}
		for _, id := range ids {
			s.ids[id] = true
		}
		return filter{user: s}
	}
	for _, c := range []struct {
		what   string
		filter filter
		want   []bool // ada, group, leaving, query
	}{
		{"none", filter{}, []bool{true, true, true, true}},
		{"directory", filter{namespace: "acme"}, []bool{true, true, true, false}},
		{"other directory", filter{namespace: "acme2"}, []bool{false, false, false, false}},
		{"credential", filter{credential: "okta"}, []bool{true, false, false, false}},
		{"event", filter{outcomes: []string{"resource modified"}}, []bool{true, true, true, false}},
		{"effect", filter{outcomes: []string{"deactivated"}}, []bool{true, false, false, false}},
		{"one of several outcomes", filter{outcomes: []string{"Deactivated", "Resources Queried"}}, []bool{true, false, false, true}},
		{"userName in another spelling", named("ADA@example.com"), []bool{true, false, false, false}},
		{"id", named("ada-1"), []bool{true, true, true, false}},
		{"a former userName", named("lovelace@example.com", "ada-1"), []bool{true, true, true, false}},
		{"another user", named("alan"), []bool{false, false, false, false}},
	} {
		for i, l := range []line{ada, group, leaving, query} {
			if got := c.filter.passes(l); got != c.want[i] {
				t.Errorf("%s: line %d passes: %t", c.what, i, got)
			}
		}
	}
}

func TestManifestsHaveThePodsThatAreLookedFor(t *testing.T) {
	manifest, err := os.ReadFile("../../../config/manager/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := yaml.UnmarshalStrict(manifest, &d); err != nil {
		t.Fatal(err)
	}
	selector, err := labels.Parse(podSelector)
	if err != nil {
		t.Fatal(err)
	}
	if pod := d.Spec.Template; !selector.Matches(labels.Set(pod.Labels)) || pod.Spec.Containers[0].Name != containerName {
		t.Errorf("the Pods have the labels %v and the container %s", pod.Labels, pod.Spec.Containers[0].Name)
	}
}

func TestUnknownOutcomeIsRefused(t *testing.T) {
	if err := (filter{outcomes: []string{"Deactivated", "resource created"}}).validate(); err != nil {
		t.Error(err)
	}
	if err := (filter{outcomes: []string{"Deactivate"}}).validate(); err == nil || !strings.Contains(err.Error(), `--outcome "Deactivate": give one of [`) {
		t.Error(err)
	}
}

// constantsIn returns the texts of the constants of a file.
func constantsIn(t *testing.T, path string) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range file.Decls {
		if constants, is := declaration.(*ast.GenDecl); is && constants.Tok == token.CONST {
			ast.Inspect(constants, func(n ast.Node) bool {
				if literal, is := n.(*ast.BasicLit); is {
					text, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					texts = append(texts, text)
				}
				return true
			})
		}
	}
	return texts
}

func TestOutcomesAreThoseOfTheProvisioningLog(t *testing.T) {
	want := append(constantsIn(t, "../../../internal/audit/event.go"), constantsIn(t, "../../../internal/scim/server/effect.go")...)
	want = slices.DeleteFunc(want, func(event string) bool { return event == string(audit.ChangeRequested) }) // in the file alone
	got := slices.Clone(outcomes)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("--outcome takes %q, the log has %q", got, want)
	}
}

// logOf returns a log whose lines have these times, in milliseconds after noon, and ids that begin with a letter.
func logOf(t *testing.T, id string, times ...int) string {
	t.Helper()
	var log strings.Builder
	for i, ms := range times {
		log.WriteString(written(t, noon.Add(time.Duration(ms)*time.Millisecond), audit.Record{
			Event: audit.ResourceCreated, RequestID: fmt.Sprintf("%s%d", id, i), Status: 201,
		}))
		log.WriteString(noon.Format(time.RFC3339Nano) + " another line\n")
	}
	return log.String()
}

func requests(lines []line) (ids []string) {
	for _, l := range lines {
		ids = append(ids, l.RequestID)
	}
	return ids
}

func TestMergeSortsByTime(t *testing.T) {
	for _, c := range []struct {
		limit int
		want  string
	}{{-1, "[a0 b0 a1 c0 a2 b1]"}, {2, "[a2 b1]"}, {0, "[]"}, {9, "[a0 b0 a1 c0 a2 b1]"}} {
		streams := []*stream{}
		for _, log := range []string{logOf(t, "a", 1, 5, 8), logOf(t, "b", 2, 9), "", strings.TrimSuffix(logOf(t, "c", 6), "\n")} {
			streams = append(streams, newStream(strings.NewReader(log), filter{}, &position{}))
		}
		all := tail{limit: c.limit}
		if err := merge(streams, all.add); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(requests(all.cut())); got != c.want {
			t.Errorf("the last %d are %s, want %s", c.limit, got, c.want)
		}
	}
}

func TestTailHoldsFewLines(t *testing.T) {
	last := tail{limit: 3}
	for i := range 10 * tailSlack {
		if err := last.add(line{RequestID: strconv.Itoa(i)}); err != nil || len(last.lines) > 6+tailSlack {
			t.Fatalf("%d lines: %v", len(last.lines), err)
		}
	}
	if got := fmt.Sprint(requests(last.cut())); got != "[997 998 999]" {
		t.Error(got)
	}
}

func TestResumedLogShowsEachLineOnce(t *testing.T) {
	p := &position{}
	if p.resume() != nil {
		t.Error("a log that was not read yet is not read from its beginning")
	}
	read := func(log string) (lines []line) {
		t.Helper()
		if err := merge([]*stream{newStream(strings.NewReader(log), filter{}, p)}, func(l line) error {
			lines = append(lines, l)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	stamped := func(id string, times ...int) (log string) {
		for i, ms := range times {
			log += written(t, noon.Add(time.Duration(ms)*time.Millisecond), audit.Record{Event: audit.ResourceCreated, RequestID: fmt.Sprintf("%s%d", id, i), Status: 201})
		}
		return log
	}
	before := stamped("a", 1, 5, 5)
	if got := fmt.Sprint(requests(read(before))); got != "[a0 a1 a2]" {
		t.Error(got)
	}
	from := p.resume()
	if from == nil || !from.Equal(noon.Add(5*time.Millisecond)) {
		t.Errorf("the log is read again from %v on", from)
	}
	if got := fmt.Sprint(requests(read(before + stamped("b", 5, 6, 3)))); got != "[b0 b1 b2]" {
		t.Errorf("after the log was read again: %s", got)
	}
}

func TestWindowSortsWhatArrivesSoon(t *testing.T) {
	var w window
	at := func(id string, ms int) line {
		return line{RequestID: id, at: noon.Add(time.Duration(ms) * time.Millisecond)}
	}
	now := noon
	w.push(at("a", 10), now)
	w.push(at("c", 30), now)
	now = now.Add(mergeDelay / 2)
	w.push(at("b", 20), now)
	w.push(at("d", 40), now)
	if ready := w.pop(now); ready != nil {
		t.Errorf("%v did not wait", requests(ready))
	}
	if got := fmt.Sprint(requests(w.pop(noon.Add(mergeDelay)))); got != "[a b c]" {
		t.Error(got)
	}
	if got := fmt.Sprint(requests(w.pop(now.Add(mergeDelay)))); got != "[d]" {
		t.Error(got)
	}
}
