package access

import (
	"maps"
	"slices"
	"sync"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Usernames finds the effective users of one directory by their Kubernetes user names, under one rule. When the rule
// changes, a new one takes its place. Safe for concurrent use.
type Usernames struct {
	rule *v1alpha1.KubernetesUsername

	mu     sync.RWMutex
	byUser map[string]named   // metadata.name → what the user is called
	owners map[string][]owner // Kubernetes user name → the effective users that get it
}

// named is what a user is called; name is "" if the user is not effective, or gets no name.
type named struct {
	name    string
	problem error
}

type owner struct {
	user   string // metadata.name
	source v1alpha1.Source
}

// NewUsernames returns an index without users.
func NewUsernames(rule *v1alpha1.KubernetesUsername) *Usernames {
	return &Usernames{rule: rule, byUser: map[string]named{}, owners: map[string][]owner{}}
}

// Set records a user as it is now, and returns the Kubernetes user names that may mean another user than before.
func (x *Usernames) Set(u *v1alpha1.CloudSSOUser, effective bool) (changed []string) {
	var next named
	if effective {
		next.name, next.problem = Username(x.rule, u)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.byUser[u.Name]
	if next.name == "" && next.problem == nil {
		delete(x.byUser, u.Name)
	} else {
		x.byUser[u.Name] = next
	}
	return x.move(before.name, next.name, owner{u.Name, u.Spec.Source})
}

// Remove records that there is no such user, and returns the Kubernetes user names that may mean another user than before.
func (x *Usernames) Remove(user string) (changed []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.byUser[user]
	delete(x.byUser, user)
	return x.move(before.name, "", owner{user: user})
}

// move makes the owner of one name the owner of another; "" is none.
func (x *Usernames) move(from, to string, o owner) (changed []string) {
	if from != "" {
		x.owners[from] = slices.DeleteFunc(slices.Clone(x.owners[from]), func(other owner) bool { return other.user == o.user })
		if len(x.owners[from]) == 0 {
			delete(x.owners, from)
		}
		changed = append(changed, from)
	}
	if to != "" {
		x.owners[to] = append(slices.Clone(x.owners[to]), o)
		if to != from {
			changed = append(changed, to)
		}
	}
	return changed
}

// Of returns the Kubernetes user name of a user; "" if the user is not effective, or if the error says why it gets none.
func (x *Usernames) Of(user string) (name string, problem error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := x.byUser[user]
	return n.name, n.problem
}

// Owner returns the user that a Kubernetes user name means. A SCIM user wins over Manual ones. If several users of one
// source get it, none of them does, and contenders has them all, by name.
func (x *Usernames) Owner(name string) (user string, contenders []string) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := x.owners[name]
	if synchronized := filter(all, func(o owner) bool { return o.source == v1alpha1.SourceSCIM }); len(synchronized) > 0 {
		all = synchronized
	}
	if len(all) == 1 {
		return all[0].user, nil
	}
	for _, o := range all {
		contenders = append(contenders, o.user)
	}
	slices.Sort(contenders)
	return "", contenders
}

// Names returns every Kubernetes user name of an effective user, sorted.
func (x *Usernames) Names() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.owners))
}

func filter[T any](all []T, keep func(T) bool) (kept []T) {
	for _, one := range all {
		if keep(one) {
			kept = append(kept, one)
		}
	}
	return kept
}
