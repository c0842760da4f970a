package shard

import (
	"context"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shardCache is the caches of some namespaces as one. That of controller-runtime does not say which informer is
// which namespace's.
type shardCache struct {
	reader[cache.Cache]
}

var _ cache.Cache = (*shardCache)(nil)

func newCache(all parts[cache.Cache]) *shardCache { return &shardCache{reader[cache.Cache]{all}} }

// GetInformer is part of cache.Cache.
func (c *shardCache) GetInformer(ctx context.Context, o client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	return c.informers(func(one cache.Cache) (cache.Informer, error) { return one.GetInformer(ctx, o, options...) })
}

// GetInformerForKind is part of cache.Cache.
func (c *shardCache) GetInformerForKind(ctx context.Context, kind schema.GroupVersionKind, options ...cache.InformerGetOption) (cache.Informer, error) {
	return c.informers(func(one cache.Cache) (cache.Informer, error) { return one.GetInformerForKind(ctx, kind, options...) })
}

func (c *shardCache) informers(get func(cache.Cache) (cache.Informer, error)) (cache.Informer, error) {
	var all informers
	for _, one := range c.parts {
		informer, err := get(one)
		if err != nil {
			return nil, err
		}
		all = append(all, informer)
	}
	return all, nil
}

// RemoveInformer is part of cache.Cache.
func (c *shardCache) RemoveInformer(ctx context.Context, o client.Object) error {
	return c.each(func(one cache.Cache) error { return one.RemoveInformer(ctx, o) })
}

// IndexField is part of cache.Cache.
func (c *shardCache) IndexField(ctx context.Context, o client.Object, field string, extract client.IndexerFunc) error {
	return c.each(func(one cache.Cache) error { return one.IndexField(ctx, o, field, extract) })
}

func (c *shardCache) each(do func(cache.Cache) error) error {
	for _, one := range c.parts {
		if err := do(one); err != nil {
			return err
		}
	}
	return nil
}

// Start is part of cache.Cache.
func (c *shardCache) Start(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, one := range c.parts {
		all.Go(func() error { return one.Start(ctx) })
	}
	return all.Wait()
}

// WaitForCacheSync is part of cache.Cache.
func (c *shardCache) WaitForCacheSync(ctx context.Context) bool {
	synced := true
	for _, one := range c.parts {
		synced = one.WaitForCacheSync(ctx) && synced
	}
	return synced
}
