package scim_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// directory returns n users that are alike, and counts how many of them have been looked at.
func directory(tb testing.TB, n int, looked *int) iter.Seq[scim.Candidate] {
	tb.Helper()
	r := user(tb, `{"userName":"alice@example.com","active":true,"title":"Engineer",
		"emails":[{"type":"work","value":"alice@example.com","primary":true},{"type":"home","value":"a@home.example"}]}`)
	return func(yield func(scim.Candidate) bool) {
		for range n {
			*looked++
			if !yield(r) {
				return
			}
		}
	}
}

func selectBy(ctx context.Context, tb testing.TB, expression string, n int) (page *scim.Page, looked int, err error) {
	tb.Helper()
	f, err := filter.Parse(schema.User, expression)
	if err != nil {
		tb.Fatal(err)
	}
	page, err = scim.Query{Filter: f, StartIndex: 1, Count: 1}.Select(ctx, directory(tb, n, &looked))
	return page, looked, err
}

// alternatives returns a filter of n conditions, none of which holds.
func alternatives(n int, condition string) string {
	return strings.TrimSuffix(strings.Repeat(condition+" or ", n), " or ")
}

func TestAFilterHasABudget(t *testing.T) {
	const users = limits.FilterComparisons / 10
	for _, c := range []struct {
		what, filter string
		total        int // -1 if the filter is refused
	}{
		{"one condition", `title eq "engineer"`, users},
		{"ten conditions", alternatives(10, `title eq "x"`), 0},
		{"eleven conditions", alternatives(11, `title eq "x"`), -1},
		{"conditions that are decided already", `title eq "engineer" or (` + alternatives(100, `title eq "x"`) + `)`, users},
		{"conditions that are decided by and", `title eq "x" and (` + alternatives(100, `title eq "x"`) + `)`, 0},
		{"each value of a list", alternatives(2, `emails.value eq "x"`), 0},
		{"a part of each value", `emails.value co "xyz"`, 0},
		{"each value of a list, too often", alternatives(3, `emails.value eq "x"`), -1},
		{"conditions within a value path", `emails[` + alternatives(2, `value eq "x"`) + `]`, 0},
		{"too many conditions within a value path", `emails[` + alternatives(3, `value eq "x"`) + `]`, -1},
		{"a value path with another condition", `emails[` + alternatives(4, `value eq "x"`) + `].type eq "work"`, -1},
		{"ne of a list", alternatives(4, `emails.value ne "x"`), users},
		{"negated conditions", `not (` + alternatives(11, `title eq "x"`) + `)`, -1},
		{"dates", `meta.created lt "2020-01-01T00:00:00Z"`, users},
		{"too many dates", alternatives(3, `meta.created gt "2020-01-01T00:00:00Z"`), -1},
	} {
		page, looked, err := selectBy(t.Context(), t, c.filter, users)
		var refused *scim.Error
		switch {
		case c.total >= 0 && (err != nil || page.Total != c.total || looked != users):
			t.Errorf("%s: %v, %v after %d users", c.what, page, err, looked)
		case c.total < 0 && (!errors.As(err, &refused) || refused.Type != scim.TooMany || !strings.Contains(refused.Detail, "eq on id")):
			t.Errorf("%s: %v, %v", c.what, page, err)
		case c.total < 0 && looked == users:
			t.Errorf("%s: refused after all users", c.what)
		}
	}
	if page, _, err := selectBy(t.Context(), t, alternatives(100, `title eq "x"`), 100); err != nil || page.Total != 0 {
		t.Errorf("many conditions in a small directory: %v, %v", page, err)
	}
}

// countedReads is a candidate that counts how often each attribute is read.
type countedReads struct {
	scim.Candidate
	reads map[string]int
}

func (c countedReads) Get(a *schema.Attribute) any {
	c.reads[a.Name]++
	return c.Candidate.Get(a)
}

// A store makes the value of an attribute for each read, and a user has up to limits.Values emails.
func TestAnAttributeIsReadOnceForAllConditions(t *testing.T) {
	f, err := filter.Parse(schema.User, alternatives(100, `emails.value eq "x" or nickName co "x" or not (meta.created pr)`))
	if err != nil {
		t.Fatal(err)
	}
	const users = 3
	reads, looked := map[string]int{}, 0
	_, err = scim.Query{Filter: f, StartIndex: 1, Count: 1}.Select(t.Context(), func(yield func(scim.Candidate) bool) {
		for c := range directory(t, users, &looked) {
			if !yield(countedReads{c, reads}) {
				return
			}
		}
	})
	if err != nil || reads["emails"] != users || reads["nickName"] != users || reads["meta"] != users {
		t.Errorf("%v: of %d users, read %v", err, looked, reads)
	}
}

// The members of a group are read once for all conditions, and no more of them than the budget permits.
func TestMembersCountForTheBudget(t *testing.T) {
	for _, c := range []struct {
		what, filter string
		groups       int
		refused      bool
		mostRead     int // members
	}{
		{"some conditions", alternatives(10, `members.value eq "x"`), 1, false, limits.Members},
		{"many conditions", alternatives(300, `members.value eq "x"`), 1, true, limits.Members},
		{"conditions within a value path", `members[` + alternatives(300, `value eq "x"`) + `]`, 1, true, limits.Members},
		{"many groups", `members pr`, 30, true, limits.FilterComparisons},
	} {
		read := 0
		page, err := selectGroups(t.Context(), t, c.filter, c.groups, func() { read++ })
		var refusal *scim.Error
		if isRefused := errors.As(err, &refusal) && refusal.Type == scim.TooMany; isRefused != c.refused || read > c.mostRead {
			t.Errorf("%s: %v, %v after %d members", c.what, page, err, read)
		}
	}
}

// To sort by members reads them all, as a filter does.
func TestSortingCountsForTheBudget(t *testing.T) {
	for groups, refused := range map[int]bool{10: false, 30: true} {
		read := 0
		_, err := selectFrom(t.Context(), scim.Query{Order: scim.Order{By: schema.Path{schema.Members}}, StartIndex: 1, Count: 1}, groups, func() { read++ })
		var refusal *scim.Error
		if isRefused := errors.As(err, &refusal) && refusal.Type == scim.TooMany; isRefused != refused || read > limits.FilterComparisons+1 {
			t.Errorf("%d groups: %v after %d members", groups, err, read)
		}
	}
}

// What is sorted by is folded for each resource, and all keys are in memory.
func TestSortingByTextCountsForTheBudget(t *testing.T) {
	for _, c := range []struct {
		what, by, text string
		users          int
		refused        bool
	}{
		{"short text", "displayName", "alice", 100_000, false},
		{"names of two words with accents", "displayName", "Zoë Müller", 100_000, false},
		{"long text with accents", "displayName", strings.Repeat("ä", 256), 20_000, true},
		{"characters with a long folded form", "nickName", strings.Repeat("\ufdfa", 256), 2_000, true},
		{"long text as it is", "emails.value", strings.Repeat("a", 8_000), 200_000, true},
		{"text that is longer than what counts", "emails.value", strings.Repeat("\ufdfa", 8_000), 500, false},
	} {
		name, sub, isMultiValued := strings.Cut(c.by, ".")
		value := quoted(c.text)
		if isMultiValued {
			value = `[{` + quoted(sub) + `:` + value + `}]`
		}
		sorted, err := sortUsers(t, c.by, c.users, `{"userName":"alice",`+quoted(name)+`:`+value+`}`)
		var refusal *scim.Error
		if isRefused := errors.As(err, &refusal) && refusal.Type == scim.TooMany && strings.Contains(refusal.Detail, "sortBy"); isRefused != c.refused || err != nil && !isRefused {
			t.Errorf("%s: %v, %v", c.what, sorted, err)
		}
	}
}

// A cursor has the key, and has to fit into a URL.
func TestKeysOfAnOrderAreBounded(t *testing.T) {
	for _, letter := range []string{"a", "A", "ä", "\ufdfa", "\U0001d400"} {
		key, _ := scim.Order{By: schema.User.Resolve("emails.value")}.Position(user(t, `{"userName":"alice","emails":[{"value":`+quoted(strings.Repeat(letter, 3_000))+`}]}`)).Key.(string)
		if len(key) > limits.SortKey || key == "" || !utf8.ValidString(key) {
			t.Errorf("%s: a key of %d bytes", letter, len(key))
		}
	}
}

func quoted(s string) string { return `"` + s + `"` }

// sortUsers sorts n users that are alike.
func sortUsers(tb testing.TB, by string, n int, body string) (*scim.Page, error) {
	tb.Helper()
	alike := user(tb, body)
	q := scim.Query{Order: scim.Order{By: schema.User.Resolve(by)}, StartIndex: 1, Count: 1}
	return q.Select(tb.Context(), func(yield func(scim.Candidate) bool) {
		for range n {
			if !yield(alike) {
				return
			}
		}
	})
}

// user returns the user of a body.
func user(tb testing.TB, body string) *scim.Resource {
	tb.Helper()
	b, err := schema.Decode(schema.User, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return &scim.Resource{Type: schema.User, ID: "alice-1", Attributes: b.Attributes, Created: time.Unix(1, 0), LastModified: time.Unix(1, 0)}
}

func TestAnEvaluationEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	read := 0
	_, err := selectGroups(ctx, t, `members.value eq "x"`, 1, func() {
		if read++; read == 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || read != 10 {
		t.Errorf("%v after %d members", err, read)
	}
}

// selectGroups selects from groups of limits.Members, and calls onRead for each member that is read.
func selectGroups(ctx context.Context, tb testing.TB, expression string, n int, onRead func()) (*scim.Page, error) {
	tb.Helper()
	f, err := filter.Parse(schema.Group, expression)
	if err != nil {
		tb.Fatal(err)
	}
	return selectFrom(ctx, scim.Query{Filter: f, StartIndex: 1, Count: 1}, n, onRead)
}

func selectFrom(ctx context.Context, q scim.Query, n int, onRead func()) (*scim.Page, error) {
	group := &scim.Resource{Type: schema.Group, ID: "staff-1", Members: func(yield func(scim.Reference) bool) {
		for range limits.Members {
			if onRead(); !yield(scim.Reference{Value: "alice-1"}) {
				return
			}
		}
	}}
	return q.Select(ctx, func(yield func(scim.Candidate) bool) {
		for range n {
			if !yield(group) {
				return
			}
		}
	})
}

func TestTheLengthOfTextCountsForTheBudget(t *testing.T) {
	for _, c := range []struct {
		what, letter string
		conditions   int
		refused      bool
	}{
		{"text that is folded", "ä", 5, false},
		{"text that is folded, many times", "ä", 20, true},
		{"characters with a long folded form", "\ufdfa", 5, true},
		{"ASCII", "a", 100, false},
		{"ASCII, many times", "a", 300, true},
	} {
		email := `{"value":"` + strings.Repeat(c.letter, 8192/len(c.letter)-4)
		var emails []string
		for i := range limits.Values {
			emails = append(emails, fmt.Sprintf(`%s%d"}`, email, i))
		}
		body, err := schema.Decode(schema.User, []byte(`{"userName":"alice","emails":[`+strings.Join(emails, ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		f, err := filter.Parse(schema.User, alternatives(c.conditions, `emails.value co "x"`))
		if err != nil {
			t.Fatal(err)
		}
		one := slices.Values([]scim.Candidate{&scim.Resource{Type: schema.User, ID: "alice-1", Attributes: body.Attributes}})
		_, err = scim.Query{Filter: f, StartIndex: 1, Count: 1}.Select(t.Context(), one)
		var refusal *scim.Error
		if isRefused := errors.As(err, &refusal) && refusal.Type == scim.TooMany; isRefused != c.refused {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestAScanEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if page, looked, err := selectBy(ctx, t, `title pr`, 1000); !errors.Is(err, context.Canceled) || looked > 1 {
		t.Errorf("%v, %v after %d users", page, err, looked)
	}
}

// The longest filters over 100,000 users cost less than a second, because they are refused in time.
func BenchmarkLongFilter(b *testing.B) {
	for name, condition := range map[string]string{
		"text":   `title eq "x"`,
		"list":   `emails.value co "xyz"`,
		"values": `emails[type eq "work" and value eq "x"]`,
		"dates":  `meta.created gt "2020-01-01T00:00:00Z"`,
	} {
		b.Run(name, func(b *testing.B) {
			expression := alternatives(limits.FilterLength/len(condition+" or "), condition)
			for b.Loop() {
				if _, _, err := selectBy(b.Context(), b, expression, 100_000); err == nil {
					b.Fatalf("%d bytes are accepted", len(expression))
				}
			}
		})
	}
}
