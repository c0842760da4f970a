package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// seedWorkers is as many as keep an API server on two cores busy.
const seedWorkers = 32

// seededGroupMembers is how many members each seeded group has.
const seededGroupMembers = 10

// seedTag returns the tag of a seeded user.
func seedTag(n int) string { return fmt.Sprintf("s%08d", n) }

// seed fills the directories.
func (b *bench) seed(ctx context.Context) error {
	for size, n := range map[size]int{small: smallUsers, large: b.users, opened: b.users} {
		s := b.stacks[size]
		if s == nil {
			continue
		}
		b.progress("creating %d users on the %s stack", n, size)
		if err := s.seedUsers(ctx, n); err != nil {
			return err
		}
		b.progress("waiting for the controllers")
		if err := s.waitIdle(ctx); err != nil {
			return err
		}
	}
	for size, n := range map[size]int{small: min(smallGroups, b.groups), large: b.groups} {
		s := b.stacks[size]
		if s == nil || n == 0 {
			continue
		}
		b.progress("creating %d groups on the %s stack", n, size)
		if err := s.seedGroups(ctx, n); err != nil {
			return err
		}
		if err := s.waitIdle(ctx); err != nil {
			return err
		}
	}
	if s := b.stacks[manyDirectories]; s != nil {
		b.progress("creating %d directories of %d users", b.directories, b.directoryUsers)
		return s.seedDirectories(ctx, b.directories, b.directoryUsers)
	}
	return nil
}

// seedUsers writes users straight to the API server, which takes half the time of creating them over SCIM.
func (s *stack) seedUsers(ctx context.Context, users int) error {
	s.seeded = make([]string, users)
	result := load.Run(ctx, load.Plan{Workers: seedWorkers, Count: users}, func(ctx context.Context, _, n int) (err error) {
		s.seeded[n], err = s.createPair(ctx, s.Namespace, seedTag(n))
		return err
	})
	s.users.Add(int64(users))
	return result.Err
}

// seedGroups creates groups over SCIM.
func (s *stack) seedGroups(ctx context.Context, groups int) error {
	s.seededGroups = make([]string, groups)
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: groups}, func(ctx context.Context, _, n int) error {
		members := make([]string, seededGroupMembers)
		for i := range members {
			members[i] = s.seeded[(n*seededGroupMembers+i)%len(s.seeded)]
		}
		answer, err := s.scim.Do(ctx, http.MethodPost, "/Groups", load.Group(seededGroup(n), members...))
		if err != nil {
			return err
		}
		s.seededGroups[n] = answer.ID()
		return nil
	})
	return result.Err
}
