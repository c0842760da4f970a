package bindings

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// userCache is a cache that shows one user.
type userCache struct {
	cache.Cache
	shown *v1alpha1.CloudSSOUser
}

func (c userCache) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if into, ok := o.(*v1alpha1.CloudSSOUser); ok {
		*into = *c.shown
	}
	return nil
}

// The caller has learned from the cache that the user is not live, and the handler that tells the index may come later.
func TestUserIsAwaitedUntilTheIndexKnowsWhatTheCacheShows(t *testing.T) {
	version := func(resourceVersion string) func(*v1alpha1.CloudSSOUser) {
		return func(u *v1alpha1.CloudSSOUser) { u.ResourceVersion = resourceVersion }
	}
	gone := user("alice-1", "alice", deprovisioned, version("2"))
	c := newClock()
	b := &Bindings{
		Config: Config{Now: c.Now, Cache: userCache{shown: gone}}, directories: newDirectories(c.Now, time.Minute), index: newIndex(),
		memory: newMemory(c.Now, time.Minute), queue: newQueue(prometheus.NewGauge(prometheus.GaugeOpts{})), subscribers: map[int]func(Change){},
	}
	defer b.queue.ShutDown()
	b.directories.declare(acme, nil)
	b.setUser(user("alice-1", "alice", version("1")))
	await := func(ctx context.Context) error { return b.AwaitRevoked(ctx, v1alpha1.PrincipalUser, acme, "alice-1") }
	early, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if await(early) == nil {
		t.Error("what the index knows of the user is older than what the cache shows, and is taken for revoked")
	}
	ended := make(chan error, 1)
	go func() { ended <- await(t.Context()) }()
	b.setUser(gone)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
