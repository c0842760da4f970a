package chaos

import (
	"context"
	"strings"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// bindingPrefix begins the names of the operator's bindings.
const bindingPrefix = "cloudsso:"

// rewatchInterval is between the end of a watch and the next attempt.
const rewatchInterval = 100 * time.Millisecond

// Presence is a time in which a binding had a subject. To is Forever if the binding still has it.
type Presence struct {
	Binding   string // namespace and name
	Principal string // kind and metadata.name of the object through which the subject has the role
	Subject   string
	From, To  time.Duration
}

// Sightings are the subjects of the operator's bindings over time, as a watch shows them. While no API server answers, the
// end of a presence is seen late. They are safe for concurrent use.
type Sightings struct {
	now func() time.Duration

	mu      sync.Mutex
	present map[string]map[string]*Presence // by binding and subject
	past    []Presence
}

// NewSightings returns sightings without any, by a clock.
func NewSightings(now func() time.Duration) *Sightings {
	return &Sightings{now: now, present: map[string]map[string]*Presence{}}
}

// Watch records until ctx ends.
func (s *Sightings) Watch(ctx context.Context, c client.WithWatch) {
	for ctx.Err() == nil {
		s.watchOnce(ctx, c)
		pause(ctx, rewatchInterval)
	}
}

// watchOnce lists the bindings, and records their changes until the watch ends.
func (s *Sightings) watchOnce(ctx context.Context, c client.WithWatch) {
	var list rbacv1.RoleBindingList
	if err := c.List(ctx, &list); err != nil {
		return
	}
	s.showAll(list.Items)
	w, err := c.Watch(ctx, &rbacv1.RoleBindingList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		b, ok := event.Object.(*rbacv1.RoleBinding)
		switch {
		case !ok: // the watch has failed
			return
		case event.Type == watch.Deleted:
			b.Subjects = nil
		}
		s.show(b)
	}
}

// showAll records every binding.
func (s *Sightings) showAll(bindings []rbacv1.RoleBinding) {
	there := map[string]bool{}
	for i := range bindings {
		there[bindingKey(&bindings[i])] = true
		s.show(&bindings[i])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for binding := range s.present {
		if !there[binding] {
			s.end(binding, nil)
		}
	}
}

func bindingKey(b *rbacv1.RoleBinding) string { return b.Namespace + "/" + b.Name }

// show records the subjects of a binding as they are now.
func (s *Sightings) show(b *rbacv1.RoleBinding) {
	if !strings.HasPrefix(b.Name, bindingPrefix) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	binding, principal, has := bindingKey(b), b.Annotations[v1alpha1.AnnotationPrincipal], map[string]bool{}
	for _, subject := range b.Subjects {
		has[subject.Name] = true
	}
	s.end(binding, func(p *Presence) bool { return has[p.Subject] && p.Principal == principal })
	if s.present[binding] == nil {
		s.present[binding] = map[string]*Presence{}
	}
	for subject := range has {
		if s.present[binding][subject] == nil {
			s.present[binding][subject] = &Presence{Binding: binding, Principal: principal, Subject: subject, From: s.now(), To: Forever}
		}
	}
}

// end ends the presences in a binding, but for those that go on; nil is none.
func (s *Sightings) end(binding string, goesOn func(*Presence) bool) {
	for subject, p := range s.present[binding] {
		if goesOn != nil && goesOn(p) {
			continue
		}
		p.To = s.now()
		s.past = append(s.past, *p)
		delete(s.present[binding], subject)
	}
}

// Present returns the subjects that a binding has now.
func (s *Sightings) Present() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	subjects := map[string]bool{}
	for _, all := range s.present {
		for subject := range all {
			subjects[subject] = true
		}
	}
	return subjects
}

// All returns every presence.
func (s *Sightings) All() []Presence {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append([]Presence{}, s.past...)
	for _, subjects := range s.present {
		for _, p := range subjects {
			all = append(all, *p)
		}
	}
	return all
}
