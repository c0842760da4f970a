package main

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// electionInterval is how long a replica that has lost the lease waits before it takes part in the election again.
	electionInterval = time.Second
	// electionRetry is how often a follower looks at the lease; client-go makes it up to 2.2 times as long. A follower sees
	// that late that the lease was renewed, and as late again that it has run out: 0.88 s together, and the controllers of a
	// dead leader are replaced within its lease and a second (ADR 32).
	electionRetry = 200 * time.Millisecond
	// renewalsPerLease is how often a leader stores its lease before it would run out.
	renewalsPerLease = 5
)

// leading runs the controllers while this replica has the lease. A controller-runtime manager ends when it loses
// the lease, as during an outage of the API server, and cannot be started again, but the SCIM service has to go on.
// Therefore each term as leader has a manager of its own, on the cache of the manager that serves SCIM.
type leading struct {
	serving manager.Manager
	options options
	setUp   func(manager.Manager) error
	indexed sync.Map // field indexes that the cache has already, by object type and field
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*leading) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (l *leading) Start(ctx context.Context) error {
	log := l.serving.GetLogger().WithName("leader")
	for {
		lost, err := l.runTerm(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if isLeaseLost(lost) {
			log.Info("This replica is no longer the leader; it goes on serving SCIM and takes part in the next election")
		} else {
			log.Error(lost, "The controllers have stopped; this replica goes on serving SCIM and takes part in the next election")
		}
		timer := time.NewTimer(electionInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// isLeaseLost reports whether a term as leader ended because the lease was lost, as in an outage of the API server.
// controller-runtime has no type for that error.
func isLeaseLost(err error) bool { return strings.Contains(err.Error(), "leader election lost") }

// runTerm waits for the lease and runs the controllers until it is lost. lost is why the term ended, err why no term
// can begin.
func (l *leading) runTerm(ctx context.Context) (lost, err error) {
	current := &term{indexed: &l.indexed}
	defer current.removeHandlers()
	mgr, err := l.newManager(current)
	if err != nil {
		return nil, err
	}
	if err := l.setUp(mgr); err != nil {
		return nil, err
	}
	return mgr.Start(ctx), nil
}

func (l *leading) newManager(current *term) (manager.Manager, error) {
	scheme, err := newScheme() // not the serving manager's, because controller-runtime adds types to it, and informers read that one
	if err != nil {
		return nil, err
	}
	readYourWrites, graceful, skipNameValidation := true, shutdownTimeout, true // each term has the same names
	lease := l.options.leaseDuration
	renew, retry := lease*2/3, electionRetry
	config := rest.CopyConfig(l.serving.GetConfig())
	config.Timeout = requestTimeout // nothing watches with it, because the cache is that of the serving manager
	election := rest.CopyConfig(config)
	election.Wrap(asFieldManager) // because client-go overrides the config's user agent for leases
	lock, err := leaderelection.NewResourceLock(election, l.serving, leaderelection.Options{
		LeaderElection: l.options.leaderElect, LeaderElectionID: l.options.leaseName(),
		LeaderElectionNamespace: l.options.operatorNamespace, RenewDeadline: renew,
	})
	if err != nil {
		return nil, err
	}
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:         scheme,
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return l.serving.GetRESTMapper(), nil },
		NewCache: func(*rest.Config, cache.Options) (cache.Cache, error) {
			return &termCache{l.serving.GetCache(), current}, nil
		},
		Client:                              client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: &readYourWrites}},
		Controller:                          ctrlconfig.Controller{SkipNameValidation: &skipNameValidation},
		Metrics:                             server.Options{BindAddress: "0"},
		LeaderElection:                      l.options.leaderElect,
		LeaderElectionResourceLockInterface: &sparingLock{Interface: lock, interval: lease / renewalsPerLease},
		LeaderElectionID:                    l.options.leaseName(),
		LeaderElectionReleaseOnCancel:       true,
		LeaseDuration:                       &lease,
		RenewDeadline:                       &renew,
		RetryPeriod:                         &retry,
		GracefulShutdownTimeout:             &graceful,
	})
}

// sparingLock stores a lease seldom that its leader renews often: client-go has one period for how often a leader renews a
// lease and a follower looks at it. What was stored less than an interval ago counts as renewed. It serves one elector.
type sparingLock struct {
	resourcelock.Interface
	interval time.Duration
	stored   resourcelock.LeaderElectionRecord
}

// Update implements resourcelock.Interface.
func (l *sparingLock) Update(ctx context.Context, next resourcelock.LeaderElectionRecord) error {
	isRenewal := next.HolderIdentity == l.stored.HolderIdentity && next.LeaderTransitions == l.stored.LeaderTransitions
	if isRenewal && next.RenewTime.Sub(l.stored.RenewTime.Time) < l.interval {
		return nil
	}
	if err := l.Interface.Update(ctx, next); err != nil {
		return err
	}
	l.stored = next
	return nil
}

// term records the event handlers that one term as leader adds to the informers of the serving manager's cache, so
// that they can be removed when it ends.
type term struct {
	indexed *sync.Map

	mu       sync.Mutex
	removals []func() error
}

// termCache is the serving manager's cache during one term.
type termCache struct {
	cache.Cache
	term *term
}

// Start implements cache.Cache. It only waits, because the serving manager runs the cache.
func (c *termCache) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// GetInformer implements cache.Cache.
func (c *termCache) GetInformer(ctx context.Context, o client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.Cache.GetInformer(ctx, o, options...)
	return &termInformer{informer, c.term}, err
}

// GetInformerForKind implements cache.Cache.
func (c *termCache) GetInformerForKind(ctx context.Context, kind schema.GroupVersionKind, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.Cache.GetInformerForKind(ctx, kind, options...)
	return &termInformer{informer, c.term}, err
}

// IndexField implements cache.Cache. It adds an index only once, because indexes stay when a term ends.
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

// removeHandlers removes the term's event handlers.
func (t *term) removeHandlers() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, remove := range t.removals {
		_ = remove() // it fails only if the informer has stopped, which calls no handlers either
	}
	t.removals = nil
}

type termInformer struct {
	cache.Informer
	term *term
}

// AddEventHandler implements cache.Informer.
func (i *termInformer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.recordHandler(i.Informer.AddEventHandler(h))
}

// AddEventHandlerWithResyncPeriod implements cache.Informer.
func (i *termInformer) AddEventHandlerWithResyncPeriod(h toolscache.ResourceEventHandler, period time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.recordHandler(i.Informer.AddEventHandlerWithResyncPeriod(h, period))
}

// AddEventHandlerWithOptions implements cache.Informer.
func (i *termInformer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.recordHandler(i.Informer.AddEventHandlerWithOptions(h, o))
}

// recordHandler records a handler that was added, for removeHandlers.
func (i *termInformer) recordHandler(r toolscache.ResourceEventHandlerRegistration, err error) (toolscache.ResourceEventHandlerRegistration, error) {
	if err == nil {
		i.term.mu.Lock()
		defer i.term.mu.Unlock()
		i.term.removals = append(i.term.removals, func() error { return i.RemoveEventHandler(r) })
	}
	return r, err
}
