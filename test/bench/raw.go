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

// rawCreate writes the object that the service writes; the controllers answer it as they answer that one.
func (s *stack) rawCreate() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		s.objects.Add(1)
		return s.raw.Create(ctx, s.user(rawNamespace, s.tag()))
	}
}

// ids collects the ids of what was created.
type ids struct {
	mu  sync.Mutex
	ids []string
}

func (i *ids) add(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ids = append(i.ids, id)
}

// post creates a user through SCIM.
func (s *stack) post(created *ids) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		answer, err := s.scim.Do(ctx, http.MethodPost, "/Users", load.User(s.tag()))
		if err != nil {
			return err
		}
		s.objects.Add(1)
		created.add(answer.ID())
		return nil
	}
}

// rawPatch is the patch by which the service changes a user: the whole spec, on the generation that the
// change was computed from. It leaves in u what was stored.
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

// remove deletes users that a measurement created, as the service undoes a create, so that the next round
// finds as many as the last.
func (s *stack) remove(ctx context.Context, ids []string) error {
	none := []byte(`[{"op":"replace","path":"/metadata/finalizers","value":[]}]`)
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: len(ids)}, func(ctx context.Context, _, n int) error {
		u := &v1alpha1.CloudSSOUser{}
		u.Namespace, u.Name = s.Namespace, ids[n]
		if err := s.raw.Delete(ctx, u); err != nil {
			return err
		}
		return client.IgnoreNotFound(s.raw.Patch(ctx, u, client.RawPatch(types.JSONPatchType, none)))
	})
	s.objects.Add(-int64(len(ids)))
	if result.Err != nil {
		return fmt.Errorf("removing users: %w", result.Err)
	}
	return nil
}
