package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// seedWorkers is as many as keep an API server on two cores busy.
	seedWorkers = 32
	// templateTag names the user that the service writes for us to copy.
	templateTag = "template"
)

// learn lets the service create a user, to see what object it writes: that is the object that is seeded,
// and the one that the baseline writes.
func (s *stack) learn(ctx context.Context) error {
	answer, err := s.scim.Do(ctx, http.MethodPost, "/Users", load.User(templateTag))
	if err != nil {
		return err
	}
	var u v1alpha1.CloudSSOUser
	if err := s.Admin.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: answer.ID()}, &u); err != nil {
		return err
	}
	s.template = &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{GenerateName: u.GenerateName, Finalizers: u.Finalizers, Annotations: u.Annotations, Labels: u.Labels},
		Spec:       u.Spec,
	}
	if !equality.Semantic.DeepEqual(s.template, s.user("", templateTag)) {
		return fmt.Errorf("the service writes another object than is copied: %+v", s.template)
	}
	return nil
}

// user is the object of the user that a tag names.
func (s *stack) user(namespace, tag string) *v1alpha1.CloudSSOUser {
	u := s.template.DeepCopy()
	renamed := func(text string) string { return strings.ReplaceAll(text, templateTag, tag) }
	u.Namespace, u.GenerateName = namespace, renamed(u.GenerateName)
	u.Spec.UserName, u.Spec.ExternalID = load.UserName(tag), load.ExternalID(tag)
	u.Spec.DisplayName = renamed(u.Spec.DisplayName)
	u.Spec.Name.GivenName, u.Spec.Name.FamilyName = renamed(u.Spec.Name.GivenName), renamed(u.Spec.Name.FamilyName)
	u.Spec.Emails[0].Value = renamed(u.Spec.Emails[0].Value)
	return u
}

// seedTag names one of the users that are there first.
func seedTag(n int) string { return fmt.Sprintf("s%08d", n) }

// seed fills the directories.
func (b *bench) seed(ctx context.Context) error {
	for size, n := range map[size]int{small: smallUsers, large: b.users} {
		s := b.stacks[size]
		if s == nil {
			continue
		}
		b.progress("creating %d users on the %s stack", n, size)
		if err := s.seed(ctx, n); err != nil {
			return err
		}
		b.progress("waiting for their statuses")
		if err := s.settle(ctx); err != nil {
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
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	if s := b.stacks[many]; s != nil {
		b.progress("creating %d directories of %d users", b.directories, b.directoryUsers)
		return s.seedDirectories(ctx, b.directories, b.directoryUsers)
	}
	return nil
}

func (s *stack) seed(ctx context.Context, users int) error {
	s.seeded = make([]string, users)
	result := load.Run(ctx, load.Plan{Workers: seedWorkers, Count: users}, func(ctx context.Context, _, n int) error {
		u := s.user(s.Namespace, seedTag(n))
		if err := s.raw.Create(ctx, u); err != nil {
			return err
		}
		s.seeded[n] = u.Name
		return nil
	})
	s.objects.Add(int64(users))
	return result.Err
}

// seededGroupMembers is how many members each seeded group has.
const seededGroupMembers = 10

func (s *stack) seedGroups(ctx context.Context, groups int) error {
	s.seededGroups = make([]string, groups)
	result := load.Run(ctx, load.Plan{Workers: seedWorkers, Count: groups}, func(ctx context.Context, _, n int) error {
		g := &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: s.Namespace, GenerateName: fmt.Sprintf("seeded-%d-", n), Finalizers: []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices},
			},
			Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: seededGroup(n)},
		}
		for i := range seededGroupMembers {
			g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{Name: s.seeded[(n*seededGroupMembers+i)%len(s.seeded)]})
		}
		if err := s.raw.Create(ctx, g); err != nil {
			return err
		}
		s.seededGroups[n] = g.Name
		return nil
	})
	return result.Err
}
