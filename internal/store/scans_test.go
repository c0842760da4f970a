package store_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// patience is how long a request waits that is to end while another one has its place.
const patience = 500 * time.Millisecond

// stalledFilter matches nothing before end is closed.
type stalledFilter struct {
	filter.Filter
	begun, end chan struct{}
	once       *sync.Once
}

func (f stalledFilter) Match(s filter.Source, m *filter.Meter) bool {
	f.once.Do(func() { close(f.begun) })
	<-f.end
	return f.Filter.Match(s, m)
}

// While a directory is scanned, another scan of it waits, until its request ends. Other directories and other requests
// do not wait.
func TestADirectoryHasOneScanAtATime(t *testing.T) {
	scanned, other := newDirectory(t), newDirectory(t)
	scanned.mustCreate("alice@example.com")
	other.mustCreate("bob@example.com")
	const unindexed = `title pr or userName co "example"`
	f, err := filter.Parse(schema.User, unindexed)
	if err != nil {
		t.Fatal(err)
	}
	stalled := stalledFilter{f, make(chan struct{}), make(chan struct{}), &sync.Once{}}
	var first sync.WaitGroup
	first.Go(func() {
		page, err := scanned.List(t.Context(), schema.User, scim.Query{Filter: stalled, StartIndex: 1, Count: 10})
		if err != nil || page.Total != 1 {
			t.Errorf("the first scan: %v, %v", page, err)
		}
	})
	<-stalled.begun

	impatient, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = scanned.List(impatient, schema.User, scim.Query{Filter: f, StartIndex: 1, Count: 10})
	if status(err) != http.StatusTooManyRequests {
		t.Errorf("a second scan that ends before the first: %v", err)
	}
	if ids := other.find(unindexed); len(ids) != 1 {
		t.Errorf("a scan of another directory finds %v", ids)
	}
	if ids := scanned.find(`userName eq "alice@example.com"`); len(ids) != 1 {
		t.Errorf("a search by userName finds %v", ids)
	}
	close(stalled.end)
	first.Wait()
	if ids := scanned.find(unindexed); len(ids) != 1 {
		t.Errorf("a scan after the first finds %v", ids)
	}
}

// A change that selects members by a filter reads the whole group, so that it is a scan of its directory.
func TestAChangeOfMembersByAFilterIsAScan(t *testing.T) {
	d := newDirectory(t)
	alice := d.mustCreate("alice@example.com")
	group, err := d.Create(t.Context(), schema.Group, schema.Object{{Attribute: schema.GroupDisplayName, Value: "Staff"}}, []string{alice})
	if err != nil {
		t.Fatal(err)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var change sync.WaitGroup
	change.Go(func() {
		all := scim.MemberChange{Op: scim.RemoveMembers, Match: func(scim.Reference) (bool, error) {
			once.Do(func() { close(begun) })
			<-end
			return true, nil
		}}
		changed, err := d.Update(t.Context(), schema.Group, group.ID, scim.Change{Members: []scim.MemberChange{all}})
		if err != nil || len(slices.Collect(changed.Members)) != 0 {
			t.Errorf("%v, %v", changed, err)
		}
	})
	<-begun
	impatient, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f, err := filter.Parse(schema.User, "title pr")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.List(impatient, schema.User, scim.Query{Filter: f, StartIndex: 1, Count: 10}); status(err) != http.StatusTooManyRequests {
		t.Errorf("a scan that ends before the change: %v", err)
	}
	close(end)
	change.Wait()
}
