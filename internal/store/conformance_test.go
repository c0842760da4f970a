package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/storetest"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// The tests of this package share a control plane, on which the directories work as the operator does:
// with its own identity, under the admission policies.
var (
	admin    client.Client
	operator *rest.Config
	scheme   = runtime.NewScheme()
	// replicas are two processes' Stores, which the tests share, because each start reads all objects of all tests.
	replicas [2]*store.Store
	// sources are those of their informers.
	sources [2]*informer.Sources
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cp, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := cp.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if err := prepare(ctx, cp); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func prepare(ctx context.Context, cp *controlplane.ControlPlane) (err error) {
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	if err := errors.Join(corev1.AddToScheme(scheme), registrationv1.AddToScheme(scheme)); err != nil {
		return err
	}
	if admin, err = client.New(cp.Admin(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if operator, err = cp.Operator(ctx); err != nil {
		return err
	}
	for i := range replicas {
		sources[i] = &informer.Sources{Trimming: cachetransform.Trimming(admin)}
		replicas[i], err = startReplica(ctx, sources[i], func(err error) { fmt.Fprintln(os.Stderr, err) })
		if err != nil {
			return err
		}
	}
	return cp.AwaitPolicies(ctx)
}

// retries are the attempts of all replicas that another writer has overtaken.
var retries atomic.Int64

// startReplica starts one process's Store, which runs until ctx ends.
func startReplica(ctx context.Context, sources *informer.Sources, failed func(error)) (*store.Store, error) {
	c, err := cache.New(operator, cache.Options{Scheme: scheme, NewInformer: sources.NewInformer, DefaultTransform: cachetransform.Transform})
	if err != nil {
		return nil, err
	}
	direct, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	s, err := store.New(ctx, store.Config{
		Client:    direct,
		Cache:     c,
		Sources:   sources,
		Warn:      func(runtime.Object, string, string) {},
		Log:       slog.New(slog.DiscardHandler),
		Retry:     func() { retries.Add(1) },
		Now:       time.Now,
		NewSuffix: func() string { return rand.String(5) },
	})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := c.Start(ctx); err != nil {
			failed(err)
		}
	}()
	if !c.WaitForCacheSync(ctx) {
		return nil, errors.New("the cache did not sync")
	}
	for !s.Synced() { // the handlers follow the cache within microseconds
		if ctx.Err() != nil {
			return nil, errors.New("the index did not sync")
		}
	}
	return s, nil
}

// newReplica starts a Store of the test's own.
func newReplica(t *testing.T, sources *informer.Sources) *store.Store {
	t.Helper()
	s, err := startReplica(t.Context(), sources, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var namespaces atomic.Int64

// newNamespace creates a namespace whose directory is synchronized, and waits until the replicas serve it.
func newNamespace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("directory-%d", namespaces.Add(1))
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := controlplane.Activate(t.Context(), admin, name); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		for _, s := range sources {
			for _, kind := range s.Trimming.Kinds {
				if !s.Of(kind).IsWhole(name) {
					return false
				}
			}
		}
		return true
	})
	return name
}

func TestStoreFulfilsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) scim.Store { return replicas[0].In(newNamespace(t)) })
}
