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
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
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

// benchmarkScan selects by a filter. The error of one that needs too many comparisons is part of the measurement.
func benchmarkScan(b *testing.B, n *namespacedStore, expression string) {
	b.Helper()
	f, err := filter.Parse(schema.User, expression)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		_, err := list(b.Context(), n, n.users, scim.Query{Filter: f, StartIndex: 1, Count: 100})
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
