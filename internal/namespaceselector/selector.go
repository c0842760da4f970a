// Package namespaceselector follows the labels of the cluster's namespaces, and says which of them may be directories.
package namespaceselector

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Selector says which namespaces may be directories. It watches the metadata of namespaces with an informer of its own,
// because one of the manager's cache would keep an operator without the right from starting. A nil Selector selects every
// namespace. Safe for concurrent use.
type Selector struct {
	labels   labels.Selector
	api      metadata.Getter
	informer toolscache.SharedIndexInformer

	mu      sync.Mutex
	denied  error         // why namespaces may not be read; nil if they may
	changed chan struct{} // closed at the next change
}

// New returns a Selector of the namespaces whose labels match. It knows no namespace until it is started.
func New(config *rest.Config, selector labels.Selector) (*Selector, error) {
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reading namespaces: %w", err)
	}
	return newSelector(client.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")), selector)
}

func newSelector(api metadata.Getter, selector labels.Selector) (*Selector, error) {
	s := &Selector{labels: selector, api: api, changed: make(chan struct{})}
	calls := &toolscache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.watch}
	// Failed calls are retried in place, so that a changed label or right has an effect within a second.
	s.informer = new(informer.Sources).NewInformer(calls, &metav1.PartialObjectMetadata{}, 0, toolscache.Indexers{})
	if err := s.informer.SetTransform(onlyLabels); err != nil {
		return nil, err
	}
	_, err := s.informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { s.announce() },
		UpdateFunc: func(before, after any) { s.announceIf(s.matches(before) != s.matches(after)) },
	})
	return s, err
}

// onlyLabels keeps of a namespace what a Selector uses.
func onlyLabels(o any) (any, error) {
	if namespace, ok := o.(*metav1.PartialObjectMetadata); ok {
		namespace.ObjectMeta = metav1.ObjectMeta{Name: namespace.Name, ResourceVersion: namespace.ResourceVersion, Labels: namespace.Labels}
	}
	return o, nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves SCIM.
func (*Selector) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *Selector) Start(ctx context.Context) error {
	s.informer.RunWithContext(ctx)
	return nil
}

// Of returns the selection of a namespace.
func (s *Selector) Of(namespace string) policy.Selection {
	if s == nil {
		return policy.NamespaceSelected
	}
	known, exists, err := s.informer.GetStore().GetByKey(namespace)
	switch {
	case s.Denied() != nil, err != nil, !exists:
		return policy.NamespaceUnknown
	case s.matches(known):
		return policy.NamespaceSelected
	}
	return policy.NamespaceNotSelected
}

// String returns the label selector.
func (s *Selector) String() string { return s.labels.String() }

// Denied returns the error of the API server if the operator may not read namespaces.
func (s *Selector) Denied() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied
}

// Settled reports whether the Selector knows the namespaces, or that it may not read them.
func (s *Selector) Settled() bool { return s == nil || s.Denied() != nil || s.informer.HasSynced() }

// Changed returns a channel that is closed when a namespace may have become a directory, or may no longer be one.
func (s *Selector) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Selector) matches(o any) bool {
	namespace, ok := o.(*metav1.PartialObjectMetadata)
	return ok && s.labels.Matches(labels.Set(namespace.Labels))
}

func (s *Selector) announceIf(differs bool) {
	if differs {
		s.announce()
	}
}

func (s *Selector) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// list lists the namespaces. A failed list may say that the operator may not read them.
func (s *Selector) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := s.api.List(ctx, options)
	if err != nil {
		s.record(err)
		return nil, err
	}
	return list, nil
}

// watch watches the namespaces. An open watch says that the operator may read them.
func (s *Selector) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	opened, err := s.api.Watch(ctx, options)
	s.record(err)
	return opened, err
}

// record records whether namespaces may be read. Another error says nothing about that.
func (s *Selector) record(err error) {
	if err != nil && !apierrors.IsForbidden(err) {
		return
	}
	s.mu.Lock()
	differs := (err == nil) != (s.denied == nil)
	s.denied = err
	s.mu.Unlock()
	s.announceIf(differs)
}
