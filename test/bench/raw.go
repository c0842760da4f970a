package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// rawPair writes what the service writes for a new user: the claim, then the user.
func (s *stack) rawPair() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		s.users.Add(1)
		_, err := s.createPair(ctx, rawNamespace, s.newTag())
		return err
	}
}

// rawUser writes the user alone.
func (s *stack) rawUser() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		s.users.Add(1)
		_, user := s.template.objects(rawNamespace, s.newTag())
		return s.raw.Create(ctx, user)
	}
}

// createPair creates the claim and the user of a tag, and returns the user's id.
func (s *stack) createPair(ctx context.Context, namespace, tag string) (id string, err error) {
	claim, user := s.template.objects(namespace, tag)
	if err := s.raw.Create(ctx, claim); err != nil {
		return "", err
	}
	return user.Name, s.raw.Create(ctx, user)
}

// createdUser is a user that a measurement created over SCIM.
type createdUser struct{ id, tag string }

// createdUsers collects them. Safe for concurrent use.
type createdUsers struct {
	mu    sync.Mutex
	users []createdUser
}

func (c *createdUsers) add(u createdUser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users = append(c.users, u)
}

// post creates a user over SCIM.
func (s *stack) post(created *createdUsers) load.Operation { return s.postBody(created, load.User) }

// postInactive creates a user with active false.
func (s *stack) postInactive(created *createdUsers) load.Operation {
	return s.postBody(created, load.InactiveUser)
}

func (s *stack) postBody(created *createdUsers, body func(tag string) string) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		tag := s.newTag()
		answer, err := s.scim.Do(ctx, http.MethodPost, "/Users", body(tag))
		if err != nil {
			return err
		}
		s.users.Add(1)
		created.add(createdUser{answer.ID(), tag})
		return nil
	}
}

// rawPatch sends the patch by which the service changes a user: the whole spec, on condition that the generation is the
// one that the change was computed from. It updates u to what was stored.
func (s *stack) rawPatch(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	path, modified := "/metadata/annotations", any(map[string]string{v1alpha1.AnnotationLastModified: now})
	if len(u.Annotations) > 0 {
		path, modified = path+"/"+strings.ReplaceAll(v1alpha1.AnnotationLastModified, "/", "~1"), now
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/generation", "value": u.Generation},
		{"op": "replace", "path": "/spec", "value": &u.Spec},
		{"op": "add", "path": path, "value": modified},
	})
	if err != nil {
		return err
	}
	return s.raw.Patch(ctx, u, client.RawPatch(types.JSONPatchType, patch))
}

// remove deletes users that a measurement created, and their claims, so that each round starts with as many users.
func (s *stack) remove(ctx context.Context, users []createdUser) error {
	withoutFinalizers := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"replace","path":"/metadata/finalizers","value":[]}]`))
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: len(users)}, func(ctx context.Context, _, n int) error {
		u := &v1alpha1.CloudSSOUser{}
		u.Namespace, u.Name = s.Namespace, users[n].id
		if err := s.raw.Delete(ctx, u); err != nil {
			return err
		}
		if err := s.raw.Patch(ctx, u, withoutFinalizers); client.IgnoreNotFound(err) != nil {
			return err
		}
		claim := &v1alpha1.CloudSSONameClaim{}
		key := claimKey(s.Namespace, users[n].tag)
		claim.Namespace, claim.Name = key.Namespace, key.Name
		return client.IgnoreNotFound(s.raw.Delete(ctx, claim))
	})
	s.users.Add(-int64(len(users)))
	if result.Err != nil {
		return fmt.Errorf("removing users: %w", result.Err)
	}
	return nil
}
