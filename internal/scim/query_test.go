package scim_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// directory returns n users that are alike, and counts how many of them have been looked at.
func directory(tb testing.TB, n int, looked *int) iter.Seq[scim.Candidate] {
	tb.Helper()
	body, err := schema.Decode(schema.User, []byte(`{"userName":"alice@example.com","active":true,"title":"Engineer",
		"emails":[{"type":"work","value":"alice@example.com","primary":true},{"type":"home","value":"a@home.example"}]}`))
	if err != nil {
		tb.Fatal(err)
	}
	r := &scim.Resource{Type: schema.User, ID: "alice-1", Attributes: body.Attributes, Created: time.Unix(1, 0), LastModified: time.Unix(1, 0)}
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
		{"each value of a list", alternatives(3, `emails.value eq "x"`), 0},
		{"each value of too many lists", alternatives(4, `emails.value eq "x"`), -1},
		{"conditions within a value path", `emails[` + alternatives(4, `value eq "x"`) + `]`, 0},
		{"too many conditions within a value path", `emails[` + alternatives(5, `value eq "x"`) + `]`, -1},
		{"a value path with another condition", `emails[` + alternatives(4, `value eq "x"`) + `].type eq "work"`, -1},
		{"ne of a list", alternatives(4, `emails.value ne "x"`), users},
		{"negated conditions", `not (` + alternatives(11, `title eq "x"`) + `)`, -1},
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
