package bindings

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// userCache is a cache that shows one user, or cannot be read.
type userCache struct {
	cache.Cache
	shown *v1alpha1.CloudSSOUser
	err   error
}

func (c userCache) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if into, ok := o.(*v1alpha1.CloudSSOUser); ok && c.err == nil {
		*into = *c.shown
	}
	return c.err
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

func TestIndexIsBehindACacheThatCannotBeRead(t *testing.T) {
	at := func(version string) *v1alpha1.CloudSSOUser {
		return user("alice-1", "alice", func(u *v1alpha1.CloudSSOUser) { u.ResourceVersion = version })
	}
	none := apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("cloudssousers").GroupResource(), "alice-1")
	for name, c := range map[string]struct {
		told  *v1alpha1.CloudSSOUser
		cache userCache
		want  bool
	}{
		"same version":         {at("1"), userCache{shown: at("1")}, false},
		"newer version":        {at("1"), userCache{shown: at("2")}, true},
		"gone":                 {at("1"), userCache{err: none}, true},
		"gone, and never told": {nil, userCache{err: none}, false},
		"unreadable":           {at("1"), userCache{err: errors.New("no informer")}, true},
		"unreadable, not told": {nil, userCache{err: errors.New("no informer")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			b := &Bindings{
				Config: Config{Now: clock.Now, Cache: c.cache}, directories: newDirectories(clock.Now, time.Minute), index: newIndex(),
				memory: newMemory(clock.Now, time.Minute), queue: newQueue(prometheus.NewGauge(prometheus.GaugeOpts{})), subscribers: map[int]func(Change){},
			}
			defer b.queue.ShutDown()
			b.directories.declare(acme, nil)
			if c.told != nil {
				b.setUser(c.told)
			}
			if got := b.isBehind(acme, "alice-1"); got != c.want {
				t.Errorf("isBehind returns %t, want %t", got, c.want)
			}
		})
	}
}
