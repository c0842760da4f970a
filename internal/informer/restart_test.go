package informer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// backAgain is how soon after an API server's start its informers show new objects.
const backAgain = 10 * time.Second

// cluster is a real control plane, and a cache of its users.
type cluster struct {
	*controlplane.ControlPlane
	client  client.Client
	cache   cache.Cache
	sources *informer.Sources
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c := &cluster{ControlPlane: cp, sources: &informer.Sources{}}
	if c.client, err = client.New(cp.Admin(), client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	config := cp.Admin()
	config.Wrap(informer.Transport)
	if c.cache, err = cache.New(config, cache.Options{Scheme: scheme, NewInformer: c.sources.NewInformer}); err != nil {
		t.Fatal(err)
	}
	c.runCache(t)
	return c
}

func (c *cluster) runCache(t *testing.T) {
	t.Helper()
	if _, err := c.cache.GetInformer(t.Context(), &v1alpha1.CloudSSOUser{}, cache.BlockUntilSynced(false)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := c.cache.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
	if !c.cache.WaitForCacheSync(t.Context()) {
		t.Fatal("the cache has not listed the users")
	}
}

// appears creates a user and waits until the cache shows it.
func (c *cluster) appears(t *testing.T, name string) {
	t.Helper()
	began := time.Now()
	user := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: name},
	}
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, backAgain, true, func(ctx context.Context) (bool, error) {
		if last = c.client.Create(ctx, user.DeepCopy()); last != nil && !apierrors.IsAlreadyExists(last) {
			return false, nil
		}
		last = c.cache.Get(ctx, client.ObjectKeyFromObject(user), &v1alpha1.CloudSSOUser{})
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s does not appear: %v (%v)", name, err, last)
	}
	t.Logf("%s appeared after %s", name, time.Since(began))
}

// An API server that restarts three times within two minutes is listed and watched again within ten seconds of each
// start, whether it crashed or was stopped.
func TestRestartedAPIServerIsWatchedAgain(t *testing.T) {
	c := newCluster(t)
	source := c.sources.Of(&v1alpha1.CloudSSOUser{})
	c.appears(t, "first")
	for i, restart := range []func() error{c.crash, c.RestartAPIServer, c.crash} {
		before := source.ListRevision(metav1.NamespaceDefault)
		if err := restart(); err != nil {
			t.Fatal(err)
		}
		c.appears(t, fmt.Sprintf("after-%d", i+1))
		c.recovers(t, source)
		t.Logf("listed at %d, then %d", before, source.ListRevision(metav1.NamespaceDefault))
	}
}

// recovers waits until a kind counts as connected: a new watch does when it has been open for a second, whatever it has
// shown until then.
func (c *cluster) recovers(t *testing.T, source *informer.Source) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, backAgain, true, func(context.Context) (bool, error) {
		return source.Failing() == 0, nil
	})
	if err != nil {
		t.Fatalf("failing for %s: %v", source.Failing(), err)
	}
}

// crash kills the API server and starts it again.
func (c *cluster) crash() error {
	if err := c.KillAPIServer(); err != nil {
		return err
	}
	return c.StartAPIServer()
}
