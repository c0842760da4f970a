package storetest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var lists = []behaviour{
	{"a scan ends when the context is done", func(s *store) {
		s.users("alice", "bob", "carol")
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		query := all
		query.Filter = s.parseFilter(schema.User, "title pr or active eq true")
		if page, err := s.List(ctx, schema.User, query); !errors.Is(err, context.Canceled) {
			s.t.Errorf("page %v, error %v", page, err)
		}
	}},
	{"an empty store has empty lists", func(s *store) {
		for _, rt := range []*schema.ResourceType{schema.User, schema.Group} {
			if page := s.listed(rt, all); page.Total != 0 || len(page.Resources) != 0 {
				s.t.Errorf("%s: %d of %d", rt.Name, len(page.Resources), page.Total)
			}
		}
	}},
	{"lists are ordered by creation time, then id", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		page := s.listed(rt, s.createFive(rt, named))
		if len(page.Resources) != 5 || page.Total != 5 || !slices.IsSortedFunc(page.Resources, byAge) {
			s.t.Errorf("%d of %d: %q", len(page.Resources), page.Total, ids(page.Resources))
		}
	})},
	{"the order is that of creation, also after changes", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		query := s.createFive(rt, named)
		before := s.listed(rt, query).Resources
		s.set(before[0], unique[rt], "zoe")
		s.set(before[3], unique[rt], "aaron")
		s.equal(ids(s.listed(rt, query).Resources), ids(before), "order")
	})},
	{"a list has the same resources as single reads", func(s *store) {
		users := s.users("alice", "bob")
		s.created(schema.Group, group("Admins"), users...)
		for _, rt := range []*schema.ResourceType{schema.User, schema.Group} {
			for _, r := range s.listed(rt, all).Resources {
				s.same(r, s.got(rt, r.ID))
			}
		}
	}},
	{"pages are parts of the whole, each with the total", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		whole := ids(s.listed(rt, s.createFive(rt, named)).Resources)
		for _, p := range []struct {
			startIndex, count int
			want              []string
		}{
			{1, 5, whole},
			{1, 2, whole[:2]},
			{3, 2, whole[2:4]},
			{5, 2, whole[4:]},
			{5, 1, whole[4:]},
			{6, 2, nil},
			{1 << 40, 100, nil},
			{1, 0, nil},
			{4, 0, nil},
		} {
			page := s.listed(rt, scim.Query{StartIndex: p.startIndex, Count: p.count})
			s.equal(ids(page.Resources), p.want, "page")
			if page.Total != 5 {
				s.t.Errorf("startIndex %d, count %d: total is %d, want 5", p.startIndex, p.count, page.Total)
			}
		}
	})},
	{"pages of a filtered list are parts of it, each with the total of matches", func(s *store) {
		s.createFive(schema.User, user)
		whole := s.findIDs(schema.User, `userName co "a"`) // alice, carol, dave
		for i, want := range [][]string{whole[0:2], whole[1:3], whole[2:3], nil} {
			page := s.listed(schema.User, scim.Query{Filter: s.parseFilter(schema.User, `userName co "a"`), StartIndex: i + 1, Count: 2})
			s.equal(ids(page.Resources), want, "page")
			if page.Total != 3 {
				s.t.Errorf("total is %d, want 3", page.Total)
			}
		}
		page := s.listed(schema.User, scim.Query{Filter: s.parseFilter(schema.User, `userName co "a"`), StartIndex: 1})
		if page.Total != 3 || len(page.Resources) != 0 {
			s.t.Errorf("with count 0: %d of %d", len(page.Resources), page.Total)
		}
	}},
	{"every page is in the requested order", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		query := s.createFive(rt, named)
		query.Order.By = schema.Path{unique[rt]}
		rising := ids(s.listed(rt, query).Resources)
		for i, name := range []string{"alice", "bob", "carol", "dave", "eve"} {
			if got := s.got(rt, rising[i]).Attributes.String(unique[rt]); got != name {
				s.t.Errorf("number %d is %s, want %s", i, got, name)
			}
		}
		s.equal(ids(s.listed(rt, scim.Query{Order: query.Order, StartIndex: 2, Count: 3}).Resources), rising[1:4], "a page in the middle")
		query.Order.Descending = true
		falling := ids(s.listed(rt, query).Resources)
		slices.Reverse(falling)
		s.equal(falling, rising, "in descending order, reversed")
	})},
	{"a page begins after a position, even if its resource was deleted", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		for _, order := range []scim.Order{{}, {By: schema.Path{unique[rt]}}, {By: schema.Path{schema.ID}, Descending: true}} {
			query := s.createFive(rt, named)
			query.Order = order
			whole := s.listed(rt, query).Resources
			at := order.Position(whole[2])
			query.After = &at
			s.equal(ids(s.listed(rt, query).Resources), ids(whole[3:]), "after the third")
			s.deleted(whole[2])
			page := s.listed(rt, query)
			s.equal(ids(page.Resources), ids(whole[3:]), "after the third, which was deleted")
			if page.Total != 4 {
				s.t.Errorf("total is %d, want 4", page.Total)
			}
			query.Count = 1
			s.equal(ids(s.listed(rt, query).Resources), ids(whole[3:4]), "one after the third")
			last := order.Position(whole[4])
			query.After = &last
			s.equal(ids(s.listed(rt, query).Resources), nil, "after the last")
			for _, r := range slices.Delete(whole, 2, 3) {
				s.deleted(r)
			}
		}
	})},
	{"a deleted user is not listed, an inactive one is", func(s *store) {
		users := s.users("alice", "bob", "carol")
		s.deleted(s.got(schema.User, users[0]))
		s.updated(schema.User, users[1], changeAttribute(schema.Active, false))
		s.equal(sorted(ids(s.listed(schema.User, all).Resources)...), sorted(users[1:]...), "listed")
	}},
	{"lists leave out omitted attributes", func(s *store) {
		users := s.users("alice")
		s.created(schema.Group, group("Admins"), users...)
		query := scim.Query{StartIndex: 1, Count: 10, Omit: scim.Omit{Members: true, Groups: true}}
		if r := s.listed(schema.Group, query).Resources[0]; r.Members != nil {
			s.t.Error("the group has members")
		}
		if r := s.listed(schema.User, query).Resources[0]; r.Groups != nil {
			s.t.Error("the user has groups")
		}
	}},
	{"the place of a scan is one request's at a time", func(s *store) {
		release, err := s.AcquireScan(s.t.Context())
		s.must(err, "acquire")
		over, cancel := context.WithCancel(s.t.Context())
		cancel()
		_, err = s.AcquireScan(over)
		s.refused(err, http.StatusTooManyRequests)
		release()
		release, err = s.AcquireScan(s.t.Context())
		s.must(err, "acquire again")
		release()
	}},
}

// createFive creates five resources and returns a query for all of them.
func (s *store) createFive(rt *schema.ResourceType, named func(string) schema.Object) scim.Query {
	s.t.Helper()
	for _, name := range []string{"bob", "alice", "eve", "carol", "dave"} {
		s.created(rt, named(name))
	}
	return all
}

// byAge compares resources by creation time, then id.
func byAge(a, b *scim.Resource) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}
