package namespaceselector

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// namespaces is an API server with one namespace, which refuses watches as it is told to. A real one does not.
type namespaces struct {
	metadata.Getter

	mu      sync.Mutex
	lists   int
	refusal error // of a watch
	streams bool  // a list was asked for through a watch
	opened  *watch.RaceFreeFakeWatcher
}

func acme(revision, label string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "acme", ResourceVersion: revision, Labels: map[string]string{"sso": label}}}
}

func (n *namespaces) List(context.Context, metav1.ListOptions) (*metav1.PartialObjectMetadataList, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lists++
	return &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []metav1.PartialObjectMetadata{*acme("1", "allowed")}}, nil
}

func (n *namespaces) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.streams = n.streams || options.SendInitialEvents != nil
	if n.refusal != nil {
		return nil, n.refusal
	}
	n.opened = watch.NewRaceFreeFake()
	n.opened.Modify(acme("2", "refused"))
	return n.opened, nil
}

func (n *namespaces) refuse(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusal = err
}

func TestLabelIsSeenWithinASecondOfAnOutage(t *testing.T) {
	for name, refusal := range map[string]error{
		"an overloaded API server": apierrors.NewTooManyRequests("overloaded", 1),
		"a failing API server":     apierrors.NewInternalError(context.DeadlineExceeded),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &namespaces{refusal: refusal}
				s, err := newSelector(api, labels.SelectorFromSet(labels.Set{"sso": "allowed"}))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var ended sync.WaitGroup
				ended.Go(func() { _ = s.Start(ctx) })
				defer func() { cancel(); ended.Wait() }()

				<-time.After(time.Minute)
				if got := s.Of("acme"); got != policy.NamespaceSelected {
					t.Fatalf("during the outage: %s", got)
				}
				api.refuse(nil)
				<-time.After(time.Second)
				synctest.Wait()
				if got := s.Of("acme"); got != policy.NamespaceNotSelected {
					t.Errorf("a second after the outage: %s", got)
				}
				if api.lists != 1 || api.streams {
					t.Errorf("%d lists, streamed: %t", api.lists, api.streams)
				}
			})
		})
	}
}
