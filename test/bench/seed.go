package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// seedWorkers is as many as keep two cores busy.
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

// seedUsers creates users in etcd. The first and the last are written to the API server, which takes three milliseconds of a
// processor for each. The first is copied, with the names of others. Once the service knows the last, it knows all, because a
// watch tells of objects in the order of their revisions.
func (s *stack) seedUsers(ctx context.Context, users int) (err error) {
	s.seeded = make([]string, users)
	if s.seeded[0], err = s.createPair(ctx, s.Namespace, seedTag(0)); err != nil {
		return err
	}
	first, err := s.readStored(ctx, seedTag(0))
	if err != nil {
		return err
	}
	between := max(users-2, 0)
	result := load.Run(ctx, load.Plan{Workers: seedWorkers, Count: between}, func(ctx context.Context, _, n int) (err error) {
		s.seeded[n+1], err = s.putCopy(ctx, first, seedTag(n+1))
		return err
	})
	if result.Err != nil {
		return result.Err
	}
	if s.seeded[users-1], err = s.createPair(ctx, s.Namespace, seedTag(users-1)); err != nil {
		return err
	}
	s.users.Add(int64(users))
	// Its cache has grown by gigabytes, in order to keep up with the copies. Their garbage would slow down what is measured.
	if err := s.ControlPlane.RestartAPIServer(); err != nil {
		return err
	}
	return errors.Join(s.ControlPlane.AwaitPolicies(ctx), s.checkCopy(ctx, seedTag(users/2)), s.waitShown(ctx, seedTag(users-1)))
}

// storedPair is a claim and a user as etcd has them.
type storedPair struct {
	tag         string
	claim, user stored
}

type stored struct {
	resource, name, uid string
	value               []byte
}

// key returns the key under which the API server stores an object.
func (s *stack) key(o stored) []byte {
	return fmt.Appendf(nil, "/registry/cloudsso.dev/%s/%s/%s", o.resource, s.Namespace, o.name)
}

// readStored reads the claim and the user of a tag from etcd.
func (s *stack) readStored(ctx context.Context, tag string) (p storedPair, err error) {
	claim, user := s.template.objects(s.Namespace, tag)
	p = storedPair{tag, stored{resource: "cloudssonameclaims", name: claim.Name}, stored{resource: "cloudssousers", name: user.Name}}
	for _, o := range []*stored{&p.claim, &p.user} {
		var found struct{ Kvs []struct{ Value []byte } }
		if err := s.callEtcd(ctx, "/v3/kv/range", map[string]any{"key": s.key(*o)}, &found); err != nil {
			return p, err
		}
		if len(found.Kvs) != 1 {
			return p, fmt.Errorf("etcd has no %s", s.key(*o))
		}
		o.value = found.Kvs[0].Value
		var object metav1.PartialObjectMetadata
		if err := json.Unmarshal(o.value, &object); err != nil {
			return p, err
		}
		o.uid = string(object.UID)
	}
	return p, nil
}

// putCopy writes a claim and a user of another tag to etcd, and returns the user's id.
func (s *stack) putCopy(ctx context.Context, p storedPair, tag string) (id string, err error) {
	claim, user := s.template.objects(s.Namespace, tag)
	for _, copied := range []struct {
		stored
		name string
	}{{p.claim, claim.Name}, {p.user, user.Name}} {
		value := strings.NewReplacer(copied.stored.name, copied.name, copied.uid, string(uuid.NewUUID()), p.tag, tag).Replace(string(copied.value))
		copied.stored.name = copied.name
		if err := s.callEtcd(ctx, "/v3/kv/put", map[string]any{"key": s.key(copied.stored), "value": []byte(value)}, nil); err != nil {
			return "", err
		}
	}
	return user.Name, nil
}

// checkCopy fails if the API server shows other objects than the service would have written.
func (s *stack) checkCopy(ctx context.Context, tag string) error {
	wantedClaim, wantedUser := s.template.objects(s.Namespace, tag)
	var claim v1alpha1.CloudSSONameClaim
	var user v1alpha1.CloudSSOUser
	if err := errors.Join(s.raw.Get(ctx, client.ObjectKeyFromObject(wantedClaim), &claim), s.raw.Get(ctx, client.ObjectKeyFromObject(wantedUser), &user)); err != nil {
		return err
	}
	wantedClaim.Spec.AcquiredAt = claim.Spec.AcquiredAt
	if !equality.Semantic.DeepEqual(claim.Spec, wantedClaim.Spec) || !equality.Semantic.DeepEqual(user.Spec, wantedUser.Spec) {
		return fmt.Errorf("the copies in etcd are not what the service writes: %+v and %+v", claim, user)
	}
	return nil
}

// waitShown waits until the service finds the user of a tag. Meanwhile it may answer 503: users are written faster than the API
// server's watches keep up with, so that informers list again.
func (s *stack) waitShown(ctx context.Context, tag string) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, idleTimeout, true, func(ctx context.Context) (bool, error) {
		var answer *load.Answer
		answer, last = s.scim.Do(ctx, http.MethodGet, load.Find("externalId", load.ExternalID(tag)), "")
		return last == nil && bytes.Contains(answer.Body, []byte(`"totalResults":1`)), nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
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
