package audit_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

func written(t *testing.T, level slog.Level, r audit.Record) map[string]any {
	t.Helper()
	var out bytes.Buffer
	audit.New(audit.Config{Log: slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level})}).Write(t.Context(), r)
	if out.Len() == 0 {
		return nil
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q is no line of JSON: %v", out.String(), err)
	}
	return line
}

func TestLineHasCredentialResourceAndResult(t *testing.T) {
	line := written(t, slog.LevelInfo, audit.Record{
		Event: audit.ResourceCreated, RequestID: "7f3a", Namespace: "acme", Credential: "okta", Remote: "192.0.2.1",
		Method: "POST", ResourceType: "User", ID: "alice-x7k2p", UserName: "alice@example.com", ExternalID: "00u1",
		Status: 201, Reason: "none", Duration: 3 * time.Millisecond,
	})
	delete(line, "time")
	want := map[string]any{
		"level": "INFO", "msg": "Resource Created", "requestID": "7f3a", "namespace": "acme", "credential": "okta",
		"remote": "192.0.2.1", "method": "POST", "resourceType": "User", "id": "alice-x7k2p",
		"userName": "alice@example.com", "externalId": "00u1", "status": 201., "reason": "none", "duration": 0.003,
	}
	if len(line) != len(want) {
		t.Errorf("got %v, want %v", line, want)
	}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s is %v, want %v", key, line[key], value)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, tc := range []struct {
		event  audit.Event
		status int
		want   string
	}{
		{audit.ResourceRead, 200, "DEBUG+3"},
		{audit.ResourceRead, 404, "WARN"},
		{audit.ResourcesQueried, 200, "DEBUG+3"},
		{audit.Discovery, 200, "DEBUG+3"},
		{audit.ResourceModified, 200, "INFO"},
		{audit.ResourceDeleted, 204, "INFO"},
		{audit.AuthenticationRefused, 401, "WARN"},
		{audit.SynchronizationRefused, 403, "WARN"},
		{audit.ResourcesQueried, 503, "ERROR"},
	} {
		line := written(t, slog.LevelDebug, audit.Record{Event: tc.event, Status: tc.status})
		if line["level"] != tc.want {
			t.Errorf("%s with %d is of level %v, want %s", tc.event, tc.status, line["level"], tc.want)
		}
	}
	if line := written(t, slog.LevelInfo, audit.Record{Event: audit.ResourceRead, Status: 200}); line != nil {
		t.Errorf("a read is logged at level info: %v", line)
	}
}

func TestReadThatIsNotLoggedAllocatesNothing(t *testing.T) {
	log := audit.New(audit.Config{Log: slog.NewJSONHandler(io.Discard, nil)})
	read := audit.Record{Event: audit.ResourceRead, RequestID: "7f3a", Namespace: "acme", UserName: "alice@example.com", Status: 200}
	if allocations := testing.AllocsPerRun(100, func() { log.Write(t.Context(), read) }); allocations > 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	const mark = "…"
	for _, c := range []struct{ name, want string }{
		{strings.Repeat("é", 128), strings.Repeat("é", 128)},
		{strings.Repeat("é", 10_000), strings.Repeat("é", 128) + mark},
		{strings.Repeat("\u009b", 32), strings.Repeat("<U+009B>", 32)},
		{strings.Repeat("\u009b", 128), strings.Repeat("<U+009B>", 32) + mark},
		{"x" + strings.Repeat("\u009b", 128), "x" + strings.Repeat("<U+009B>", 31) + mark},
	} {
		line := written(t, slog.LevelInfo, audit.Record{Event: audit.ResourceCreated, UserName: c.name, Status: 400})
		if line["userName"] != c.want {
			t.Errorf("%q is logged as %q, want %q", c.name, line["userName"], c.want)
		}
	}
}

func TestLineBreakInAValueIsEscaped(t *testing.T) {
	var out bytes.Buffer
	audit.New(audit.Config{Log: slog.NewTextHandler(&out, nil)}).Write(t.Context(), audit.Record{
		Event: audit.ResourceCreated, Status: 201, UserName: "mallory\nlevel=INFO msg=\"Resource Deleted\"",
	})
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines from one record: %q", n, out.String())
	}
}

func TestLineSaysWhatWasChanged(t *testing.T) {
	r := audit.Record{
		Event: audit.ResourceModified, Status: 200, Operation: "Modify", UserAgent: "Okta SCIM Client", Effects: []string{"Deactivated"},
		Changes: []audit.Change{change("active", "true", "false"), change("name.familyName", "", `"Li"`), change("names", "1", "2")},
		Added:   audit.Members{Count: 7, IDs: []string{"a", "b"}},
	}
	for _, c := range []struct {
		values        []string
		before, after any
	}{
		{nil, nil, nil},
		{[]string{"active"}, map[string]any{"active": "true"}, map[string]any{"active": "false"}},
		{[]string{"name"}, map[string]any{"name.familyName": ""}, map[string]any{"name.familyName": `"Li"`}},
	} {
		var out bytes.Buffer
		audit.New(audit.Config{Log: slog.NewJSONHandler(&out, nil), Values: c.values}).Write(t.Context(), r)
		line := decoded(t, out.Bytes())
		want := map[string]any{
			"userAgent": "Okta SCIM Client", "operation": "Modify", "effects": []any{"Deactivated"},
			"changed": []any{"active", "name.familyName", "names"}, "before": c.before, "after": c.after,
			"membersAdded": 7., "addedMembers": []any{"a", "b"}, "membersRemoved": nil, "removedMembers": nil,
		}
		for key, value := range want {
			if !reflect.DeepEqual(line[key], value) {
				t.Errorf("values of %v: %s is %v, want %v", c.values, key, line[key], value)
			}
		}
	}
}

func change(name, before, after string) audit.Change {
	return audit.Change{Name: name, Before: func() string { return before }, After: func() string { return after }}
}

func decoded(t *testing.T, text []byte) (line map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatalf("%q is no line of JSON: %v", text, err)
	}
	return line
}

func TestUnprintableCharactersAreLoggedAsCodePoints(t *testing.T) {
	line := written(t, slog.LevelInfo, audit.Record{Event: audit.ResourceCreated, Status: 201, UserAgent: "a\u009b31m\u202eb\n\x00", UserName: "Zoë 李"})
	if line["userAgent"] != "a<U+009B>31m<U+202E>b<U+000A><U+0000>" || line["userName"] != "Zoë 李" {
		t.Errorf("logged %q and %q", line["userAgent"], line["userName"])
	}
}

func TestLineNamesAtMostFiftyChanges(t *testing.T) {
	r := audit.Record{Event: audit.ResourceReplaced, Status: 200}
	for range 1000 {
		r.Changes = append(r.Changes, change("title", "", ""))
	}
	if names, _ := written(t, slog.LevelInfo, r)["changed"].([]any); len(names) != 50 {
		t.Errorf("a line names %d changes", len(names))
	}
}
