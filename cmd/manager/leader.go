package main

import (
	"context"
	"net/http"
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudsso/cloudsso-operator/internal/shard"
)

// standAgain is how long a replica that has lost the lease waits before it stands for election again.
const standAgain = time.Second

// leading runs the controllers while this replica has the lease. A manager of controller-runtime ends when it
// loses it, as during an outage of the API server, and cannot be started again; the SCIM service has to go on.
// So each term of office is a manager of its own, on the cache of the one that serves.
type leading struct {
	serving manager.Manager
	served  *shard.Shard
	options options
	setUp   func(manager.Manager) error
	indexed sync.Map // field indexes that the cache has already, by object type and field
}

// NeedLeaderElection is part of manager.LeaderElectionRunnable.
func (*leading) NeedLeaderElection() bool { return false }

// Start is part of manager.Runnable.
func (l *leading) Start(ctx context.Context) error {
	log := l.serving.GetLogger().WithName("leader")
	for {
		lost, err := l.term(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		log.Info("Leadership ended; this replica goes on serving SCIM, and stands for election again", "cause", lost)
		again := time.NewTimer(standAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
	}
}

// term is one term of office, and the wait for it. It returns why the term ended, or why there can be none.
func (l *leading) term(ctx context.Context) (lost, err error) {
	office := &term{indexed: &l.indexed}
	defer office.leave()
	mgr, err := l.newManager(office)
	if err != nil {
		return nil, err
	}
	if err := l.setUp(mgr); err != nil {
		return nil, err
	}
	return mgr.Start(ctx), nil
}

func (l *leading) newManager(office *term) (manager.Manager, error) {
	readYourWrites, graceful, again := true, shutdownTimeout, true
	lease := l.options.leaseDuration
	renew, retry := lease*2/3, lease/5
	return ctrl.NewManager(l.serving.GetConfig(), ctrl.Options{
		Scheme:         l.serving.GetScheme(),
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return l.serving.GetRESTMapper(), nil },
		NewCache: func(*rest.Config, cache.Options) (cache.Cache, error) {
			return office.around(l.serving.GetCache()), nil
		},
		NewClient: func(c *rest.Config, o client.Options) (client.Client, error) {
			return l.served.NewClient(c, o, office.around)
		},
		Client:                        client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: &readYourWrites}},
		Controller:                    config.Controller{SkipNameValidation: &again},
		Metrics:                       server.Options{BindAddress: "0"},
		LeaderElection:                l.options.leaderElect,
		LeaderElectionID:              l.options.leaseName(),
		LeaderElectionNamespace:       l.options.operatorNamespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &lease,
		RenewDeadline:                 &renew,
		RetryPeriod:                   &retry,
		GracefulShutdownTimeout:       &graceful,
	})
}

// term is what a term of office has added to the informers of the serving manager's cache. It is taken off them
// afterwards.
type term struct {
	indexed *sync.Map

	mu    sync.Mutex
	added []func() error
}

// around is that cache, or a part of it, for as long as the term lasts.
func (t *term) around(c cache.Cache) cache.Cache { return &termCache{c, t} }

type termCache struct {
	cache.Cache
	term *term
}

// Start is part of cache.Cache. The cache itself runs already.
func (c *termCache) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// GetInformer is part of cache.Cache.
func (c *termCache) GetInformer(ctx context.Context, o client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.Cache.GetInformer(ctx, o, options...)
	return &termInformer{informer, c.term}, err
}

// GetInformerForKind is part of cache.Cache.
func (c *termCache) GetInformerForKind(ctx context.Context, kind schema.GroupVersionKind, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.Cache.GetInformerForKind(ctx, kind, options...)
	return &termInformer{informer, c.term}, err
}

// IndexField is part of cache.Cache. An index of an earlier term is still there.
func (c *termCache) IndexField(ctx context.Context, o client.Object, field string, extract client.IndexerFunc) error {
	type index struct {
		of    reflect.Type
		field string
	}
	if _, there := c.term.indexed.LoadOrStore(index{reflect.TypeOf(o), field}, true); there {
		return nil
	}
	return c.Cache.IndexField(ctx, o, field, extract)
}

// leave takes off what was added.
func (t *term) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, remove := range t.added {
		_ = remove() // an informer that has stopped is as good
	}
	t.added = nil
}

type termInformer struct {
	cache.Informer
	term *term
}

// AddEventHandler is part of cache.Informer.
func (i *termInformer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.note(i.Informer.AddEventHandler(h))
}

// AddEventHandlerWithResyncPeriod is part of cache.Informer.
func (i *termInformer) AddEventHandlerWithResyncPeriod(h toolscache.ResourceEventHandler, period time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.note(i.Informer.AddEventHandlerWithResyncPeriod(h, period))
}

// AddEventHandlerWithOptions is part of cache.Informer.
func (i *termInformer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.note(i.Informer.AddEventHandlerWithOptions(h, o))
}

func (i *termInformer) note(r toolscache.ResourceEventHandlerRegistration, err error) (toolscache.ResourceEventHandlerRegistration, error) {
	if err == nil {
		i.term.mu.Lock()
		defer i.term.mu.Unlock()
		i.term.added = append(i.term.added, func() error { return i.RemoveEventHandler(r) })
	}
	return r, err
}
