package informer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/internal/informer"
)

// objectsEach are one page and a half.
const objectsEach = 150

// markers are the Secrets that mark namespaces.
type markers struct{ *watch.RaceFreeFakeWatcher }

func (m markers) mark(namespaces ...string) {
	for _, namespace := range namespaces {
		m.Add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "marker", ResourceVersion: "2"}})
	}
	synctest.Wait()
}

// newTrimmed returns sources and a server with objects in namespaces, none of which has a marker yet. list may be nil.
func newTrimmed(t *testing.T, namespaces []string, list func(ctx context.Context, namespace string) error) (sources *informer.Sources, s *server, m markers) {
	s, m = newServer(), markers{watch.NewRaceFreeFake()}
	for _, namespace := range namespaces {
		for n := range objectsEach {
			s.create(fmt.Sprintf("%s/object-%d", namespace, n))
		}
	}
	sources = &informer.Sources{Trimming: &informer.Trimming{
		Marker: &corev1.Secret{}, Kinds: []runtime.Object{&corev1.ConfigMap{}},
		Trim: func(o metav1.Object) { o.SetGeneration(-1) },
		List: func(ctx context.Context, _ runtime.Object, namespace string, options metav1.ListOptions) (runtime.Object, error) {
			if list != nil {
				if err := list(ctx, namespace); err != nil {
					return nil, err
				}
			}
			return s.listIn(ctx, namespace+"/", options)
		},
	}}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, _ metav1.ListOptions) (runtime.Object, error) {
			return &corev1.SecretList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}, nil
		},
		WatchFuncWithContext: func(_ context.Context, _ metav1.ListOptions) (watch.Interface, error) { return m, nil },
	}
	run(t, sources.NewInformer(lw, &corev1.Secret{}, 0, nil))
	return sources, s, m
}

func TestObjectsOfANewMarkerAreGivenWholeToEachHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sources, s, m := newTrimmed(t, []string{"a", "z"}, nil)
		i := startResyncing(t, sources, s, time.Hour)
		<-time.After(time.Minute) // of the bubble's clock: the handler is not due for the first resync
		var given atomic.Int32
		_, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(before, after any) {
			if generationOf(t, before) == -1 && generationOf(t, after) == 0 {
				given.Add(1)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		m.mark("a")
		if given.Load() != objectsEach || !sources.Of(&corev1.ConfigMap{}).IsWhole("a") {
			t.Errorf("%d objects of a were given whole", given.Load())
		}
		for _, key := range i.GetStore().ListKeys() {
			o, _, err := i.GetStore().GetByKey(key)
			if isWhole := generationOf(t, o) == 0; err != nil || isWhole != strings.HasPrefix(key, "a/") {
				t.Errorf("%s is whole: %v, %v", key, isWhole, err)
			}
		}
	})
}

func TestFewNamespacesAreReadAtATimeAndOneThatFailsHoldsUpNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		namespaces := []string{"a", "b", "c", "d", "broken"}
		var running, most atomic.Int32
		sources, s, m := newTrimmed(t, namespaces, func(ctx context.Context, namespace string) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			select {
			case <-time.After(time.Second): // of the bubble's clock
			case <-ctx.Done():
			}
			if namespace == "broken" {
				return errors.New("broken")
			}
			return nil
		})
		start(t, sources, s)
		m.mark(namespaces...)
		<-time.After(time.Hour)
		for _, namespace := range namespaces {
			if isWhole := sources.Of(&corev1.ConfigMap{}).IsWhole(namespace); isWhole == (namespace == "broken") {
				t.Errorf("%s is whole: %v", namespace, isWhole)
			}
		}
		if most.Load() != 2 {
			t.Errorf("%d namespaces were read at a time", most.Load())
		}
	})
}

func generationOf(t *testing.T, object any) int64 {
	t.Helper()
	o, ok := object.(*corev1.ConfigMap)
	if !ok {
		t.Fatalf("%T", object)
	}
	return o.Generation
}
