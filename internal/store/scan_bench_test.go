package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/patch"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// scanned is the namespace whose users a benchmark reads.
const scanned = "acme"

// newScanned returns the store of a namespace with n users, each with as many emails of a domain.
func newScanned(n, emails int, domain string) *namespacedStore {
	s := &Store{Config: Config{Sources: &informer.Sources{}}}
	s.users, s.groups, s.slices = newCollection(s, userKind), newCollection(s, groupKind), newCollection(s, sliceKind)
	for i := range n {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: scanned, Name: fmt.Sprintf("user-%d", i), CreationTimestamp: metav1.Unix(int64(i), 0)}}
		name := fmt.Sprintf("user-%d@%s", i, domain)
		u.Spec = v1alpha1.CloudSSOUserSpec{
			Source: v1alpha1.SourceSCIM, UserName: name, DisplayName: "Given Family", Locale: "en-US", ExternalID: fmt.Sprintf("00u%d", i),
			Name: &v1alpha1.Name{GivenName: "Given", FamilyName: "Family"}, Active: new(true),
		}
		for e := range emails {
			u.Spec.Emails = append(u.Spec.Emails, v1alpha1.MultiValue{Value: name, Type: fmt.Sprintf("work%d", e), Primary: new(e == 0)})
		}
		s.users.index.OnAdd(u, false)
	}
	return &namespacedStore{s, scanned}
}

// BenchmarkScan reads 100,000 users, as a filter that no index serves does.
func BenchmarkScan(b *testing.B) {
	n := newScanned(100_000, 1, "example.com")
	for _, expression := range []string{`emails.value co "zzz"`, `name.familyName eq "Smith"`, `userName sw "zzz"`, `meta.created lt "1960-01-01T00:00:00Z"`} {
		b.Run(expression, func(b *testing.B) { benchmarkScan(b, n, expression) })
	}
}

// BenchmarkRefusedScan measures what the longest filters cost until their budget is spent.
func BenchmarkRefusedScan(b *testing.B) {
	for name, n := range map[string]*namespacedStore{
		"100,000 users of one email":             newScanned(100_000, 1, "example.com"),
		"1,000 users of 100 emails":              newScanned(1_000, 100, "example.com"),
		"1,000 users of 100 emails in capitals":  newScanned(1_000, 100, "A-DOMAIN-OF-MANY-CAPITAL-LETTERS.EXAMPLE.COM"),
		"1,000 users of 100 emails with accents": newScanned(1_000, 100, "exämple.com"),
	} {
		for _, condition := range []string{
			`emails.value co "zzz"`, `not (emails pr)`, `name.formatted co "zzz"`, `groups.value eq "x"`, `meta.created lt "1960-01-01T00:00:00Z"`,
		} {
			conditions := strings.Repeat(condition+" or ", limits.FilterLength/len(condition+" or "))
			b.Run(name+"/"+condition, func(b *testing.B) { benchmarkScan(b, n, strings.TrimSuffix(conditions, " or ")) })
		}
	}
}

// BenchmarkSort sorts 100,000 users. The budget ends what costs more.
func BenchmarkSort(b *testing.B) {
	for name, display := range displays {
		b.Run(name, func(b *testing.B) {
			n := newScanned(100_000, 1, "example.com")
			n.setDisplayNames(display)
			measure(b, func() error {
				query := scim.Query{Order: scim.Order{By: schema.Path{schema.UserDisplayName}}, StartIndex: 1, Count: 100}
				_, err := list(b.Context(), n, n.users, query)
				return err
			})
		})
	}
}

// BenchmarkMemberFilter asks the longest filter about 100,000 members, and plans the group three times, as a request does
// that another one overtakes. The budget ends what costs more.
func BenchmarkMemberFilter(b *testing.B) {
	for name, display := range displays {
		b.Run(name, func(b *testing.B) {
			n := newScanned(100_000, 0, "example.com")
			n.setDisplayNames(display)
			g := n.addGroup(100_000)
			path := strings.TrimSuffix(strings.Repeat(`display co \"zzz\" or `, limits.MemberFilterTerms), " or ")
			body := []byte(`{"Operations":[{"op":"remove","path":"members[` + path + `]"}]}`)
			measure(b, func() error {
				p, err := patch.Parse(b.Context(), schema.Group, body, filter.NewMeter(b.Context(), limits.FilterComparisons))
				if err != nil {
					return err
				}
				match := p.Change(b.Context()).Members[0].Match
				delta := membership.NewDelta([]membership.Change{{Op: membership.Remove, Matches: func(id string) (bool, error) {
					return match(n.memberReference(id))
				}}}, n.isHiddenMember)
				if err := n.evaluate(g.Name, delta); err != nil {
					return err
				}
				for range 3 {
					if _, err := delta.PlanSlices(nil, n.sliceViews(g, delta)); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// displays are names that cost more or less to fold.
var displays = map[string]string{
	"ASCII":             "Given Family",
	"an accent":         "Zoë Müller",
	"many accents":      strings.Repeat("ä", 128),
	"long folded forms": strings.Repeat("\ufdfa", 256),
}

func (n *namespacedStore) setDisplayNames(display string) {
	for u := range n.users.all(n.namespace, nil) {
		u.Spec.DisplayName = display
	}
}

// addGroup adds a group of so many users, in slices.
func (n *namespacedStore) addGroup(members int) *v1alpha1.CloudSSOGroup {
	g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: "staff"}}
	g.Spec = v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Staff", Sliced: true}
	n.groups.index.OnAdd(g, false)
	for first := 0; first < members; first += v1alpha1.SliceSize {
		s := &v1alpha1.CloudSSOMembershipSlice{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: fmt.Sprintf("staff-%d", first)}}
		s.Spec = v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: g.Name}
		for i := range v1alpha1.SliceSize {
			s.Spec.Members = append(s.Spec.Members, v1alpha1.Member{Name: fmt.Sprintf("user-%d", first+i)})
		}
		n.slices.index.OnAdd(s, false)
	}
	return g
}

// benchmarkScan selects by a filter. The error of one that needs too many comparisons is part of the measurement.
func benchmarkScan(b *testing.B, n *namespacedStore, expression string) {
	b.Helper()
	f, err := filter.Parse(schema.User, expression)
	if err != nil {
		b.Fatal(err)
	}
	measure(b, func() error {
		_, err := list(b.Context(), n, n.users, scim.Query{Filter: f, StartIndex: 1, Count: 100})
		return err
	})
}

// measure reports the processor time of some work, which may be refused.
func measure(b *testing.B, work func() error) {
	b.Helper()
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		err := work()
		if refused := new(scim.Error); err != nil && !errors.As(err, &refused) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// processorTime returns what this process has used, which does not depend on the load of the machine.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
