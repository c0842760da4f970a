package bindings

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// Memberships knows the groups of users: the index of the SCIM side.
type Memberships interface {
	// GroupsOf returns the metadata.names of the groups, of any source, that have the user as a member.
	GroupsOf(namespace, user string) []string
}

// Claims knows which user holds a userName that several have.
type Claims interface {
	// Holder returns the live object that holds a name, read live, or nil.
	Holder(ctx context.Context, name nameclaim.Name) (client.Object, error)
}

// Config is what Bindings need. Every field is required unless its comment says that it may be nil.
type Config struct {
	// Client reads from and writes to the API server, without a cache and without a rate limit.
	Client client.Client
	// Cache has informers of users, groups and directories, and of the bindings that Selector finds.
	Cache cache.Cache
	// Members is the store.
	Members Memberships
	// Claims are those of the store.
	Claims Claims
	// Remember is how long a revocation is remembered: longer than another replica can go on granting by what it knew before.
	Remember time.Duration
	// Linger is how long revocations go on at least after the context of Start has ended: as long as requests are accepted.
	Linger time.Duration
	// Priority, if not nil, lets revocations go before creates and changes of groups.
	Priority *priority.Gate
	// Registry, if not nil, gets the metrics.
	Registry prometheus.Registerer
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// Bindings are the projected bindings of the cluster. Safe for concurrent use.
type Bindings struct {
	Config
	directories *directories
	index       *index
	memory      *memory
	queue       *queue
	writing     writing
	metrics     *revocationMetrics
	unfinished  unfinished // of requeueRemembered alone

	feeds    []toolscache.InformerSynced
	isFed    atomic.Bool // the informers' first lists are in directories and index
	isSynced atomic.Bool

	mu          sync.Mutex
	subscribers map[int]func(Change)
	subscribed  int // how many there have been
}

// New returns Bindings that are fed from the cache. They revoke once Start runs.
func New(ctx context.Context, config Config) (*Bindings, error) {
	m, err := newMetrics(config.Registry)
	if err != nil {
		return nil, fmt.Errorf("registering the metrics of revocations: %w", err)
	}
	b := &Bindings{
		Config: config, metrics: m,
		directories: newDirectories(config.Now, config.Remember),
		index:       newIndex(),
		memory:      newMemory(config.Now, config.Remember),
		queue:       newQueue(m.pending),
		subscribers: map[int]func(Change){},
	}
	for _, feed := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&v1alpha1.CloudSSODirectory{}, feed[*v1alpha1.CloudSSODirectory]{b.setDirectory, b.removeDirectory}},
		{&v1alpha1.CloudSSOUser{}, feed[*v1alpha1.CloudSSOUser]{b.setUser, b.removeUser}},
		{&rbacv1.RoleBinding{}, feed[client.Object]{b.setBinding, b.removeBinding}},
		{&rbacv1.ClusterRoleBinding{}, feed[client.Object]{b.setBinding, b.removeBinding}},
	} {
		informer, err := config.Cache.GetInformer(ctx, feed.object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", feed.object, err)
		}
		registration, err := informer.AddEventHandler(feed.handler)
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", feed.object, err)
		}
		b.feeds = append(b.feeds, registration.HasSynced)
	}
	return b, nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica revokes what it has acknowledged.
func (*Bindings) NeedLeaderElection() bool { return false }

// syncInterval is how often Start asks whether the informers have synced, and at its end whether the queue is empty: a small
// part of the seconds that they may take.
const syncInterval = 20 * time.Millisecond

// drainTimeout is how long Start goes on after Linger with what is queued by then, if the API server is slow or away.
const drainTimeout = 3 * time.Second

// Start revokes until ctx ends, and after that for Linger and until nothing is queued, or for three seconds more. It begins
// once Synced reports true, because a user who is not known yet would be taken for one without access.
func (b *Bindings) Start(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer b.queue.ShutDown()
	sync := time.NewTicker(syncInterval)
	defer sync.Stop()
	for !b.Synced() {
		b.resolveContests(ctx)
		select {
		case <-sync.C:
		case <-ctx.Done():
			return nil
		}
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	for range workers {
		running.Add(1)
		go b.work(working, &running)
	}
	b.repeat(ctx)
	b.drain()
	return nil
}

// repeat queues remembered bindings again, and reads claims again, until ctx ends.
func (b *Bindings) repeat(ctx context.Context) {
	requeues, claims := time.NewTicker(requeueInterval), time.NewTicker(contestInterval)
	defer requeues.Stop()
	defer claims.Stop()
	for {
		select {
		case <-requeues.C:
			b.requeueRemembered()
		case <-claims.C:
			b.resolveContests(ctx)
		case <-b.directories.contested:
			b.resolveContests(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// drain waits for Linger, and then until nothing is queued, for at most drainTimeout.
func (b *Bindings) drain() {
	<-time.After(b.Linger)
	timeout, poll := time.NewTimer(drainTimeout), time.NewTicker(syncInterval)
	defer timeout.Stop()
	defer poll.Stop()
	for !b.queue.isEmpty() {
		select {
		case <-poll.C:
		case <-timeout.C:
			return
		}
	}
}

// Synced reports whether the index has the bindings, users and directories that existed when the informers started, and the
// claims on userNames that several of those users have.
func (b *Bindings) Synced() bool {
	if !b.isSynced.Load() && b.fed() && b.directories.isDecided() {
		b.isSynced.Store(true)
	}
	return b.isSynced.Load()
}

// Available returns an error until Synced reports true.
func (b *Bindings) Available() error {
	if b.Synced() {
		return nil
	}
	return fmt.Errorf("still reading RoleBindings and ClusterRoleBindings; if this lasts: %s", installAccess)
}

func (b *Bindings) fed() bool {
	if b.isFed.Load() {
		return true
	}
	for _, synced := range b.feeds {
		if !synced() {
			return false
		}
	}
	b.isFed.Store(true)
	return true
}

// feed is an event handler that tells what an object is, and that it is gone.
type feed[T client.Object] struct{ set, remove func(T) }

// OnAdd implements toolscache.ResourceEventHandler.
func (f feed[T]) OnAdd(o any, _ bool) { f.OnUpdate(nil, o) }

// OnUpdate implements toolscache.ResourceEventHandler.
func (f feed[T]) OnUpdate(_, o any) {
	if o, ok := o.(T); ok {
		f.set(o)
	}
}

// OnDelete implements toolscache.ResourceEventHandler.
func (f feed[T]) OnDelete(o any) {
	if missed, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = missed.Obj
	}
	if o, ok := o.(T); ok {
		f.remove(o)
	}
}

func (b *Bindings) setDirectory(d *v1alpha1.CloudSSODirectory) {
	if d.Name == v1alpha1.DirectoryName && b.directories.declare(d.Namespace, d.Spec.KubernetesUsername) {
		b.notify(Change{Namespace: d.Namespace, All: true})
	}
}

func (b *Bindings) removeDirectory(d *v1alpha1.CloudSSODirectory) {
	if d.Name == v1alpha1.DirectoryName {
		b.directories.undeclare(d.Namespace)
		b.notify(Change{Namespace: d.Namespace, All: true})
	}
}

func (b *Bindings) setUser(u *v1alpha1.CloudSSOUser) {
	changed := b.directories.setUser(u, b.fed())
	b.userChanged(u.Namespace, u.Name)
	b.tellNames(u.Namespace, changed)
}

func (b *Bindings) removeUser(u *v1alpha1.CloudSSOUser) {
	changed := b.directories.removeUser(u.Namespace, u.Name)
	b.userChanged(u.Namespace, u.Name)
	b.tellNames(u.Namespace, changed)
}

func (b *Bindings) setBinding(o client.Object) {
	if e := newEntry(newObject(o)); e != nil {
		isOwn := b.writing.has(e.key) // asked first, because Write returns once the index shows it
		b.index.set(e)
		b.bindingChanged(e)
		b.notify(Change{Assignment: e.assignment(), IsOwn: isOwn})
	}
}

func (b *Bindings) removeBinding(o client.Object) {
	if e := newEntry(newObject(o)); e != nil {
		isOwn := b.writing.has(e.key)
		b.index.remove(e.key)
		b.notify(Change{Assignment: e.assignment(), IsOwn: isOwn})
	}
}

// Usernames returns the Kubernetes user names of a directory's users, under its present rule. They stay up to date until
// the rule changes; then a Change with All tells it, and another call returns those under the new rule. A namespace without
// a directory has none.
func (b *Bindings) Usernames(namespace string) *access.Usernames {
	return b.directories.usernames(namespace)
}

// Assignments returns the assignments of which there is a binding, sorted.
func (b *Bindings) Assignments() []types.NamespacedName { return b.index.assignments() }

// AreBeingDeleted reports whether an assignment has bindings that finalizers of other programs keep, and no other.
func (b *Bindings) AreBeingDeleted(assignment types.NamespacedName) bool {
	all := b.index.ofAssignment(assignment)
	return len(all) > 0 && !slices.ContainsFunc(all, func(e *entry) bool { return !isBeingDeleted(e) })
}

// Having returns the assignments of which a binding has a Kubernetes user name of a directory.
func (b *Bindings) Having(namespace, name string) (assignments []types.NamespacedName) {
	for _, e := range b.index.holding(subjectKey{namespace, name}) {
		if !slices.Contains(assignments, e.assignment()) {
			assignments = append(assignments, e.assignment())
		}
	}
	return assignments
}

// Targets returns the namespaces in which there are bindings of an assignment, sorted; "" is the cluster.
func (b *Bindings) Targets(assignment types.NamespacedName) []string {
	return b.index.targets(assignment)
}

// View returns the bindings of an assignment in a namespace, or in the cluster if target is "", as they are now. It does not
// change.
func (b *Bindings) View(assignment types.NamespacedName, target string) *View {
	return b.index.view(assignment, target)
}

// Get returns a binding as the informer shows it, to be compared with what it should be. It is shared: read only.
func (b *Bindings) Get(assignment types.NamespacedName, target string, number int) (*Object, bool) {
	if e := b.index.number(assignment, target, number); e != nil {
		return e.object, true
	}
	return nil, false
}

// Change is what has changed. Either Assignment is set, or Namespace.
type Change struct {
	// Assignment is the assignment of a binding that was created, changed or deleted.
	Assignment types.NamespacedName
	// IsOwn says that Write of this replica was writing that binding, so that the change is its own as a rule.
	IsOwn bool
	// Namespace is the directory of which Usernames may mean another user than before; with All, every user name may.
	Namespace string
	Usernames []string
	All       bool
}

// Subscribe has a function called after each change, once the index shows it. The function must not block. It is not told of
// the changes that came before.
func (b *Bindings) Subscribe(notify func(Change)) (unsubscribe func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribed++
	id := b.subscribed
	b.subscribers[id] = notify
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subscribers, id)
	}
}

func (b *Bindings) notify(c Change) {
	b.mu.Lock()
	subscribers := make([]func(Change), 0, len(b.subscribers))
	for _, notify := range b.subscribers {
		subscribers = append(subscribers, notify)
	}
	b.mu.Unlock()
	for _, notify := range subscribers {
		notify(c)
	}
}

func (b *Bindings) tellNames(namespace string, changed []string) {
	if len(changed) > 0 {
		b.notify(Change{Namespace: namespace, Usernames: changed})
	}
}
