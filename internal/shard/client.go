package shard

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reader reads from where a namespace is.
type reader[T client.Reader] struct{ parts parts[T] }

// Get is part of client.Reader.
func (r reader[T]) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	one, found := r.parts.of(key.Namespace)
	if !found {
		return errForeign(key.Namespace)
	}
	return one.Get(ctx, key, o, options...)
}

// List is part of client.Reader. What is not asked for by namespace comes from one after the other.
func (r reader[T]) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	asked := client.ListOptions{}
	asked.ApplyOptions(options)
	if asked.Namespace != corev1.NamespaceAll {
		one, found := r.parts.of(asked.Namespace)
		if !found {
			return errForeign(asked.Namespace)
		}
		return one.List(ctx, list, options...)
	}
	var items []runtime.Object
	for _, one := range r.parts {
		some, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return fmt.Errorf("%T is no list", list)
		}
		if err := one.List(ctx, some, options...); err != nil {
			return err
		}
		found, err := meta.ExtractList(some)
		if err != nil {
			return err
		}
		items = append(items, found...)
	}
	return meta.SetList(list, items)
}

// shardClient is the clients of some namespaces as one. A client that reads its own writes waits until the
// informer of a kind has come to a write's revision, of whichever object: with several informers of the kind, that
// of another namespace may be there first. So each namespace has a client of its own.
type shardClient struct {
	client.Client // one of them, for what they have in common
	reader        reader[client.Client]
}

var _ client.Client = (*shardClient)(nil)

func newClient(all parts[client.Client]) *shardClient {
	c := &shardClient{reader: reader[client.Client]{all}}
	for _, c.Client = range all {
		break
	}
	return c
}

func (c *shardClient) of(o client.Object, do func(client.Client) error) error {
	one, found := c.reader.parts.of(o.GetNamespace())
	if !found {
		return errForeign(o.GetNamespace())
	}
	return do(one)
}

// Get is part of client.Client.
func (c *shardClient) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	return c.reader.Get(ctx, key, o, options...)
}

// List is part of client.Client.
func (c *shardClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return c.reader.List(ctx, list, options...)
}

// Create is part of client.Client.
func (c *shardClient) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	return c.of(o, func(one client.Client) error { return one.Create(ctx, o, options...) })
}

// Delete is part of client.Client.
func (c *shardClient) Delete(ctx context.Context, o client.Object, options ...client.DeleteOption) error {
	return c.of(o, func(one client.Client) error { return one.Delete(ctx, o, options...) })
}

// Update is part of client.Client.
func (c *shardClient) Update(ctx context.Context, o client.Object, options ...client.UpdateOption) error {
	return c.of(o, func(one client.Client) error { return one.Update(ctx, o, options...) })
}

// Patch is part of client.Client.
func (c *shardClient) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.of(o, func(one client.Client) error { return one.Patch(ctx, o, patch, options...) })
}

// Apply is part of client.Client. No controller applies.
func (c *shardClient) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return fmt.Errorf("applying in a shard: %w", errors.ErrUnsupported)
}

// DeleteAllOf is part of client.Client. No controller does so.
func (c *shardClient) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return fmt.Errorf("deleting all in a shard: %w", errors.ErrUnsupported)
}

// Status is part of client.Client.
func (c *shardClient) Status() client.SubResourceWriter { return c.SubResource("status") }

// SubResource is part of client.Client.
func (c *shardClient) SubResource(name string) client.SubResourceClient { return &subResource{c, name} }

type subResource struct {
	*shardClient
	name string
}

func (s *subResource) of(o client.Object, do func(client.SubResourceClient) error) error {
	return s.shardClient.of(o, func(one client.Client) error { return do(one.SubResource(s.name)) })
}

// Get is part of client.SubResourceClient.
func (s *subResource) Get(ctx context.Context, o, sub client.Object, options ...client.SubResourceGetOption) error {
	return s.of(o, func(one client.SubResourceClient) error { return one.Get(ctx, o, sub, options...) })
}

// Create is part of client.SubResourceClient.
func (s *subResource) Create(ctx context.Context, o, sub client.Object, options ...client.SubResourceCreateOption) error {
	return s.of(o, func(one client.SubResourceClient) error { return one.Create(ctx, o, sub, options...) })
}

// Update is part of client.SubResourceClient.
func (s *subResource) Update(ctx context.Context, o client.Object, options ...client.SubResourceUpdateOption) error {
	return s.of(o, func(one client.SubResourceClient) error { return one.Update(ctx, o, options...) })
}

// Patch is part of client.SubResourceClient.
func (s *subResource) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return s.of(o, func(one client.SubResourceClient) error { return one.Patch(ctx, o, patch, options...) })
}

// Apply is part of client.SubResourceClient.
func (s *subResource) Apply(ctx context.Context, o runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption) error {
	return s.shardClient.Apply(ctx, o)
}
