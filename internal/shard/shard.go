package shard

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/store"
)

// Shard is the namespaces that one operator serves. Make one with New.
type Shard struct {
	parts []*part
}

// part is one of the namespaces, or all.
type part struct {
	namespace string // NamespaceAll for all
	relists   store.Relists
	cache     cache.Cache
}

// New is the shard of some namespaces; with none, of all there are.
func New(namespaces ...string) *Shard {
	if len(namespaces) == 0 {
		namespaces = []string{corev1.NamespaceAll}
	}
	s := &Shard{}
	for _, namespace := range namespaces {
		s.parts = append(s.parts, &part{namespace: namespace})
	}
	return s
}

// whole reports whether the shard is the whole cluster.
func (s *Shard) whole() bool { return s.parts[0].namespace == corev1.NamespaceAll }

// NewCache is a cache.NewCacheFunc. It is to be called once.
func (s *Shard) NewCache(config *rest.Config, o cache.Options) (cache.Cache, error) {
	all := make(parts[cache.Cache], len(s.parts))
	for _, p := range s.parts {
		own := o
		own.NewInformer = p.relists.NewInformer
		if !s.whole() {
			own.DefaultNamespaces = map[string]cache.Config{p.namespace: {}}
		}
		var err error
		if p.cache, err = cache.New(config, own); err != nil {
			return nil, fmt.Errorf("the cache of namespace %q: %w", p.namespace, err)
		}
		all[p.namespace] = p.cache
	}
	if s.whole() {
		return s.parts[0].cache, nil
	}
	return newCache(all), nil
}

// NewClient is a client that reads from the shard's caches, each as wrap makes it. o.Cache.Reader is the cache
// that NewCache has made, or stands for it.
func (s *Shard) NewClient(config *rest.Config, o client.Options, wrap func(cache.Cache) cache.Cache) (client.Client, error) {
	if s.whole() {
		return client.New(config, o)
	}
	all := make(parts[client.Client], len(s.parts))
	for _, p := range s.parts {
		own, options := *o.Cache, o
		own.Reader, options.Cache = wrap(p.cache), &own
		var err error
		if all[p.namespace], err = client.New(config, options); err != nil {
			return nil, err
		}
	}
	return newClient(all), nil
}

// Watch makes the directories of the shard, and feeds them from its caches. The sentinels are in
// config.SentinelNamespace for the whole cluster; for some namespaces, in each of them.
func (s *Shard) Watch(ctx context.Context, config store.Config) (*Directories, error) {
	all := make(parts[*store.Directories], len(s.parts))
	for _, p := range s.parts {
		own := config
		own.Relists = &p.relists
		if !s.whole() {
			own.SentinelNamespace = p.namespace
		}
		directories := store.New(own)
		if err := directories.Watch(ctx, p.cache); err != nil {
			return nil, err
		}
		all[p.namespace] = directories
	}
	return &Directories{all}, nil
}

// parts are one thing for each namespace, or one for all.
type parts[T any] map[string]T

// of is that of a namespace.
func (p parts[T]) of(namespace string) (T, bool) {
	if whole, all := p[corev1.NamespaceAll]; all {
		return whole, true
	}
	one, found := p[namespace]
	return one, found
}

func errForeign(namespace string) error {
	return fmt.Errorf("namespace %q is not among those that this operator was given", namespace)
}
