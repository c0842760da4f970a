package log

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	l, is := parseLine(splitStamp([]byte(written(t, noon, r))))
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
	want := Row{
		At: noon, Namespace: "acme", Outcome: "Resource Modified", Status: "200", Credential: "okta", Kind: "User", ID: "ada-1",
		Object: "User/ada@example.com", Summary: "Deactivated, changed active", RequestID: "request-1", Remote: "192.0.2.1:1", UserAgent: "Okta",
	}
	if got := l.row(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSummary(t *testing.T) {
	for want, r := range map[string]audit.Record{
		"":                         {Event: audit.ResourceUnchanged, Status: 200},
		"expired":                  {Event: audit.AuthenticationRefused, Status: 401, Reason: "expired"},
		"uniqueness":               {Event: audit.RequestRefused, Status: 409, Detail: "uniqueness"},
		"in-flight: too many":      {Event: audit.RequestLimited, Status: 429, Reason: "in-flight", Detail: "too many"},
		"+7 members, -1 member":    {Event: audit.ResourceModified, Status: 200, Added: audit.Members{Count: 7}, Removed: audit.Members{Count: 1}},
		"Created, Restored":        {Event: audit.ResourceCreated, Status: 201, Effects: []string{"Created", "Restored"}},
		"changed userName, active": {Event: audit.ResourceModified, Status: 200, Changes: []audit.Change{{Name: "userName"}, {Name: "active"}}},
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
		if l, is := parseLine(splitStamp([]byte(text))); is {
			t.Errorf("%q is taken for %+v", text, l)
		}
	}
}

func TestFilter(t *testing.T) {
	ada := parsed(t, audit.Record{Event: audit.ResourceModified, Namespace: "acme", Credential: "okta", ResourceType: "User", ID: "ada-1", UserName: "Ada@example.com", Effects: []string{"Deactivated"}, Status: 200})
	group := parsed(t, audit.Record{Event: audit.ResourceModified, Namespace: "acme", ResourceType: "Group", ID: "ada", DisplayName: "ada@example.com", Added: audit.Members{Count: 1, IDs: []string{"ada-1"}}, Status: 200})
	leaving := parsed(t, audit.Record{Event: audit.ResourceModified, Namespace: "acme", ResourceType: "Group", ID: "g", Removed: audit.Members{Count: 1, IDs: []string{"ada-1"}}, Status: 200})
	query := parsed(t, audit.Record{Event: audit.ResourcesQueried, Status: 400}) // of no known directory
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
		{"directory, or none", filter{namespace: "acme", orUnknown: true}, []bool{true, true, true, true}},
		{"other directory, or none", filter{namespace: "acme2", orUnknown: true}, []bool{false, false, false, true}},
		{"credential", filter{credential: "okta"}, []bool{true, false, false, false}},
		{"event", filter{outcomes: []string{"resource modified"}}, []bool{true, true, true, false}},
		{"effect", filter{outcomes: []string{"deactivated"}}, []bool{true, false, false, false}},
		{"one of several outcomes", filter{outcomes: []string{"Deactivated", "Resources Queried"}}, []bool{true, false, false, true}},
		{"userName in another spelling", named("ADA@example.com"), []bool{true, false, false, false}},
		{"id", named("ada-1"), []bool{true, true, true, false}},
		{"a former userName", named("lovelace@example.com", "ada-1"), []bool{true, true, true, false}},
		{"another user", named("alan"), []bool{false, false, false, false}},
		{"id of a group", named("g"), []bool{false, false, true, false}},
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
		for i, err := range merge(streams, all.add) {
			if !errors.Is(err, io.EOF) {
				t.Errorf("stream %d has not ended: %v", i, err)
			}
		}
		if got := fmt.Sprint(requests(all.cut())); got != c.want {
			t.Errorf("the last %d are %s, want %s", c.limit, got, c.want)
		}
	}
}

func TestTailHoldsFewLines(t *testing.T) {
	last := tail{limit: 3}
	for i := range 10 * tailSlack {
		if last.add(line{RequestID: strconv.Itoa(i)}); len(last.lines) > 6+tailSlack {
			t.Fatalf("%d lines", len(last.lines))
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
		merge([]*stream{newStream(strings.NewReader(log), filter{}, p)}, func(l line) { lines = append(lines, l) })
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

func TestLogThatBreaksOffHidesNoOther(t *testing.T) {
	a, b := logOf(t, "a", 1, 5), logOf(t, "b", 2, 6)
	broken := errors.New("broken")
	streams := []*stream{
		newStream(io.MultiReader(strings.NewReader(a[:len(a)/2+20]), iotest.ErrReader(broken)), filter{}, &position{}),
		newStream(strings.NewReader(b), filter{}, &position{}),
	}
	all := tail{limit: -1}
	if ends := merge(streams, all.add); !errors.Is(ends[0], broken) || !errors.Is(ends[1], io.EOF) {
		t.Error(ends)
	}
	if got := fmt.Sprint(requests(all.cut())); got != "[a0 b0 b1]" {
		t.Error(got)
	}
}

func TestTextWithoutTimeIsNoLine(t *testing.T) {
	one := written(t, noon, audit.Record{Event: audit.ResourceCreated, RequestID: "a0", Status: 201})
	for _, c := range []struct {
		rest string
		want string
	}{
		{"", "EOF"},
		{"failed to create fsnotify watcher: too many open files", "its node says: failed to create fsnotify watcher: too many open files"},
		{"failed\nagain\n", "its node says: failed"},
		{"2027-01-3", "unexpected EOF"},
		{"2027-01-31T12:00:01Z ", "unexpected EOF"},
		{`2027-01-31T12:00:01Z {"logger":`, "unexpected EOF"},
		{"2027-01-31T12:00:01Z panic: the process has ended in a line", "EOF"},
	} {
		p := &position{}
		lines := 0
		ends := merge([]*stream{newStream(strings.NewReader(one+c.rest), filter{}, p)}, func(line) { lines++ })
		if ends[0].Error() != c.want || lines != 1 {
			t.Errorf("%q: %d lines, then %v, want %s", c.rest, lines, ends[0], c.want)
		}
		if from := p.resume(); from == nil || !from.Equal(noon) {
			t.Errorf("%q: the log is read again from %v on", c.rest, from)
		}
		again := newStream(strings.NewReader(one+c.rest), filter{}, p)
		if l, err := again.next(); err == nil {
			t.Errorf("%q: line %s is read twice", c.rest, l.RequestID)
		}
	}
}

// Containers of one Pod, in their order.
var (
	first    = containerLog{containerID: containerID{"a", "1"}, isRunning: true}
	firstWas = containerLog{containerID: containerID{"a", "1"}, isPrevious: true}
	second   = containerLog{containerID: containerID{"a", "2"}, isRunning: true}
	ended2   = containerLog{containerID: containerID{"a", "2"}}
)

func TestRestartedPodIsReadFromTheContainerBeforeOn(t *testing.T) {
	l := &followed{position: &position{}}
	for i, step := range []struct{ listed, want []containerLog }{
		{nil, nil},
		{[]containerLog{first}, []containerLog{first}},
		{[]containerLog{first}, []containerLog{first}}, // the stream has broken
		{[]containerLog{firstWas}, []containerLog{firstWas}},
		{[]containerLog{firstWas}, nil}, // all of it was read
		{[]containerLog{firstWas, second}, []containerLog{firstWas, second}},
		{[]containerLog{firstWas, ended2}, []containerLog{ended2}},
		{[]containerLog{firstWas, ended2}, nil},
	} {
		got := l.poll(step.listed)
		if !slices.Equal(got, step.want) {
			t.Errorf("step %d: %+v are read, want %+v", i, got, step.want)
		}
		if got != nil {
			l.open()
			if again := l.poll(step.listed); again != nil {
				t.Errorf("step %d: %+v are read twice", i, again)
			}
			l.polls = maxPause
			l.end(nil)
		}
	}
}

func TestPodWhoseStreamsEndSoonRests(t *testing.T) {
	l := &followed{position: &position{}}
	logs := []containerLog{first}
	rests := func() (polls int) {
		for l.poll(logs) == nil {
			polls++
		}
		l.open()
		return polls
	}
	var got []int
	for range 6 {
		got = append(got, rests())
		l.end(nil)
	}
	if want := []int{0, 0, 1, 3, 7, 15}; !slices.Equal(got, want) {
		t.Errorf("it rests %v polls, want %v", got, want)
	}
	if logs = []containerLog{firstWas}; rests() != 0 {
		t.Error("it rests after its container has ended")
	}
}

func TestFailureIsWarnedOfOnceUntilTheNextSuccess(t *testing.T) {
	var warnings []string
	f := &follower{
		pods: map[string]*followed{"a": {latest: first, position: &position{}}},
		warn: func(err error) { warnings = append(warnings, err.Error()) },
	}
	fail := func(err error) error { return f.note(report{pod: "a", what: ended, err: err}) }
	broken := errors.New("broken")
	if err := errors.Join(fail(broken), fail(broken)); err != nil || len(warnings) != 1 || warnings[0] != "the log of Pod a cannot be read: broken" {
		t.Errorf("warnings: %q, %v", warnings, err)
	}
	f.pods["a"].open()
	_ = f.note(report{pod: "a", what: opened})
	f.pods["a"].poll([]containerLog{first})
	if err := fail(broken); err != nil || len(warnings) != 2 {
		t.Errorf("warnings after a stream that lasted: %q, %v", warnings, err)
	}
	if err := f.note(report{pod: "a", what: missed, err: broken}); err != nil || len(warnings) != 3 {
		t.Errorf("warnings of the container before: %q, %v", warnings, err)
	}
	if err := fail(apierrors.NewUnauthorized("no")); !apierrors.IsUnauthorized(err) || len(warnings) != 3 {
		t.Errorf("a person whose token has ended: %v, %q", err, warnings)
	}
}

func TestDirectoryOfAShard(t *testing.T) {
	pod := func(container string, arguments ...string) corev1.Pod {
		return corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: container, Args: arguments}}}}
	}
	south, all, other := pod(containerName, "--shard=south", "--namespaces=globex,initech"), pod(containerName, "--shard=all"), pod("proxy", "--namespaces=x")
	for _, c := range []struct {
		pods      []corev1.Pod
		namespace string
		want      string
	}{
		{[]corev1.Pod{south, south}, "acme", "globex,initech"},
		{[]corev1.Pod{south}, "initech", ""},
		{[]corev1.Pod{south}, "", ""},
		{[]corev1.Pod{south, all}, "acme", ""},
		{[]corev1.Pod{other}, "acme", ""},
	} {
		if got := othersServed(c.pods, c.namespace); got != c.want {
			t.Errorf("%q: got %q, want %q", c.namespace, got, c.want)
		}
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
