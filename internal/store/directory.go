package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers;cloudssogroups;cloudssomembershipslices,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch

// Config is what the directories of a process are made of.
type Config struct {
	// Client writes to the API server, without a cache and without a rate limit of its own.
	Client client.Client
	// Relists is the one whose NewInformer the cache uses.
	Relists *Relists
	// SentinelNamespace holds the sentinel objects of the fences: the operator's own namespace.
	SentinelNamespace string
	// Emit records an Event of the given reason on an object.
	Emit func(on runtime.Object, eventType, reason, note string)
	// Log gets what an administrator of the operator should know, and no client is told.
	Log *slog.Logger
	// Lag, if not nil, is told how long the informer of "User", "Group" or of a group's slices took to show what this
	// replica had written.
	Lag func(resource string, lag time.Duration)
	// Leavers, if not nil, go first: users are created, and groups changed, when nobody is about to lose access.
	Leavers *priority.Gate
	// Now is the clock; NewID makes unique strings for reservations and touches.
	Now   func() time.Time
	NewID func() string
}

// Directories holds the directories of all namespaces: one index of each kind.
type Directories struct {
	Config
	users  *collection[*v1alpha1.CloudSSOUser]
	groups *collection[*v1alpha1.CloudSSOGroup]
	slices *collection[*v1alpha1.CloudSSOMembershipSlice]
	turns  locks // of those that change a group

	settings settings
	feeds    []toolscache.InformerSynced
	synced   atomic.Bool // once, and then for good
}

// New makes the directories. Start them with Watch.
func New(config Config) *Directories {
	if config.Lag == nil {
		config.Lag = func(string, time.Duration) {}
	}
	s := &shared{client: config.Client, live: config.Client, lag: config.Lag, now: config.Now, newID: config.NewID}
	return &Directories{
		Config: config,
		users:  newCollection(s, userKind, config, userSentinel),
		groups: newCollection(s, groupKind, config, groupSentinel),
		slices: newCollection(s, sliceKind, config, sliceSentinel),
	}
}

func newCollection[T client.Object](s *shared, k kind[T], config Config, sentinel func() T) *collection[T] {
	lists := config.Relists.of(k.blank())
	x := newIndex(k.describe, lists.last.Load)
	touch := toucher(config.Client, func() client.Object {
		o := sentinel()
		o.SetNamespace(config.SentinelNamespace)
		o.SetName(v1alpha1.SentinelName)
		o.SetLabels(map[string]string{v1alpha1.LabelFence: "true"})
		return o
	}, config.NewID)
	watch := func() func() {
		giveUp := lists.watch()
		return func() {
			if giveUp() {
				config.Log.Error("the watch does not tell of a write that the API server has acknowledged: listing and watching anew",
					"kind", fmt.Sprintf("%T", k.blank()), "after", deafTimeout)
			}
		}
	}
	f := &fence{touch: touch, await: x.await, seen: x.seen.Load, watch: watch}
	config.Relists.onList(k.blank(), f.kick)
	return &collection[T]{shared: s, kind: k, index: x, fence: f}
}

// Watch feeds the directories from the cache, whose informers must watch all namespaces.
func (d *Directories) Watch(ctx context.Context, c cache.Cache) error {
	for _, feed := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&v1alpha1.CloudSSOUser{}, d.users.index},
		{&v1alpha1.CloudSSOGroup{}, d.groups.index},
		{&v1alpha1.CloudSSOMembershipSlice{}, d.slices.index},
		{&v1alpha1.CloudSSODirectory{}, &d.settings},
	} {
		informer, err := c.GetInformer(ctx, feed.object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watching %T: %w", feed.object, err)
		}
		registration, err := informer.AddEventHandler(feed.handler)
		if err != nil {
			return fmt.Errorf("watching %T: %w", feed.object, err)
		}
		d.feeds = append(d.feeds, registration.HasSynced)
	}
	return nil
}

// Synced reports whether everything that exists has been seen. Until then nothing must be served.
func (d *Directories) Synced() bool {
	if d.synced.Load() {
		return true
	}
	for _, synced := range d.feeds {
		if !synced() {
			return false
		}
	}
	d.synced.Store(true)
	return true
}

// In is the directory of a namespace.
func (d *Directories) In(namespace string) scim.Store {
	return &tenant{Directories: d, namespace: namespace}
}

// UserNamesakes are the live users with the userName of u, in any spelling, as of u's revision or later: of
// two that take a name, the later one sees the earlier. They come in the order in which they took it, as far as
// that is known, and are shared: read only. u is not among them while it may be undone though the name is its own,
// nor while nobody knows whether it is, or that of another who may be undone.
func (d *Directories) UserNamesakes(ctx context.Context, u *v1alpha1.CloudSSOUser) ([]*v1alpha1.CloudSSOUser, error) {
	return namesakes(ctx, d.users, u, u.Spec.UserName)
}

// GroupNamesakes are the groups with the displayName of g, likewise.
func (d *Directories) GroupNamesakes(ctx context.Context, g *v1alpha1.CloudSSOGroup) ([]*v1alpha1.CloudSSOGroup, error) {
	return namesakes(ctx, d.groups, g, g.Spec.DisplayName)
}

func namesakes[T client.Object](ctx context.Context, c *collection[T], o T, name string) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := c.index.await(ctx, revisionOf(o)); err != nil {
		c.fence.late(err)
		return nil, fmt.Errorf("waiting for the index to show %s/%s: %w", o.GetNamespace(), o.GetName(), err)
	}
	var objects []T
	holders := c.index.holders(o.GetNamespace(), fold.Name(name))
	for i, r := range holders {
		if r.object.GetName() == o.GetName() && (i == 0 && c.index.mayBeUndone(r) || isTied(r, holders)) {
			continue
		}
		objects = append(objects, r.object)
	}
	return objects, nil
}

// GroupsOf are the names of the groups, of any source, that have the user as a member.
func (d *Directories) GroupsOf(namespace, user string) []string {
	names := d.groups.index.groupsOf(namespace, user)
	for _, s := range d.slicesWith(namespace, user) {
		g, found := d.groups.index.get(namespace, s.Spec.Group)
		if found && g.Spec.Source == s.Spec.Source && !slices.Contains(names, g.Name) {
			names = append(names, g.Name)
		}
	}
	return names
}

// ListsOf are the groups and slices, of any source, that list the user. They are shared: read only.
func (d *Directories) ListsOf(namespace, user string) (lists []client.Object) {
	for _, name := range d.groups.index.groupsOf(namespace, user) {
		if g, found := d.groups.index.get(namespace, name); found {
			lists = append(lists, g)
		}
	}
	for _, s := range d.slicesWith(namespace, user) {
		lists = append(lists, s)
	}
	return lists
}

// AllListsOf are ListsOf for certain: all that listed the user when it was called.
func (d *Directories) AllListsOf(ctx context.Context, namespace, user string) ([]client.Object, error) {
	if err := together(ctx, d.groups.pass, d.slices.pass); err != nil {
		return nil, err
	}
	return d.ListsOf(namespace, user), nil
}

// together passes several fences at a time.
func together(ctx context.Context, passes ...func(context.Context) error) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, pass := range passes {
		all.Go(func() error { return pass(ctx) })
	}
	return all.Wait()
}

// tenant is the directory of one namespace.
type tenant struct {
	*Directories
	namespace string
}

var _ scim.Store = (*tenant)(nil)

// writeTimeout bounds a write and its verification: well under the 60 seconds after which providers
// close the connection.
const writeTimeout = 25 * time.Second

// readTimeout bounds what a read waits for: an informer that is behind, a fence, a live read.
const readTimeout = 10 * time.Second

// carryThrough lets a write end as it should, done or undone, when its client has hung up.
func carryThrough(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// tidyTimeout is how long it may take to undo what cannot be finished.
const tidyTimeout = 10 * time.Second

// tidyUp lets what was begun be undone though its time is over.
func tidyUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
}

// Create is part of scim.Store.
func (t *tenant) Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	t.Leavers.Yield(ctx)
	ctx, cancel := carryThrough(ctx)
	defer cancel()
	if rt == schema.Group {
		return t.createGroup(ctx, attributes, members)
	}
	return t.createUser(ctx, attributes)
}

// catchUp waits until every index shows what this replica has acknowledged: a group shows users, and a user
// its groups.
func (t *tenant) catchUp(ctx context.Context) error {
	if err := t.users.catchUp(ctx); err != nil {
		return err
	}
	if err := t.groups.catchUp(ctx); err != nil {
		return err
	}
	return t.slices.catchUp(ctx)
}

// hasCaughtUp reports whether catchUp has nothing to wait for.
func (t *tenant) hasCaughtUp() bool {
	return t.users.hasCaughtUp() && t.groups.hasCaughtUp() && t.slices.hasCaughtUp()
}

// Get is part of scim.Store.
func (t *tenant) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	if rt == schema.Group {
		return get(ctx, t, t.groups, id, omit, t.group)
	}
	return get(ctx, t, t.users, id, omit, t.user)
}

func get[T client.Object](ctx context.Context, t *tenant, c *collection[T], id string, omit scim.Omit, read func(T, scim.Omit) *scim.Resource) (*scim.Resource, error) {
	if t.hasCaughtUp() {
		if r := c.index.record(t.namespace, id); r != nil && !r.isUnsure() && r.listed {
			return read(r.object, omit), nil // as usual, there is nothing to wait for
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := t.catchUp(ctx); err != nil {
		return nil, err
	}
	r, err := c.look(ctx, t.namespace, id)
	if err != nil {
		return nil, err
	}
	if r != nil && r.listed {
		return read(r.object, omit), nil
	}
	o, err := c.read(ctx, t.namespace, id)
	if err != nil {
		return nil, err
	}
	c.settle(ctx, o) // so that no later read shows less than this one
	if r, err = c.look(ctx, t.namespace, id); err != nil {
		return nil, err
	}
	if !c.describe(o).listed || r != nil && r.isHidden() {
		return nil, scim.NotFound(c.resource.Name, id)
	}
	return read(o, omit), nil
}

// Update is part of scim.Store.
func (t *tenant) Update(ctx context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	if rt == schema.Group {
		t.Leavers.Yield(ctx)
	}
	ctx, cancel := carryThrough(ctx)
	defer cancel()
	if rt == schema.Group {
		return t.updateGroup(ctx, id, change)
	}
	return t.updateUser(ctx, id, change)
}

// Delete is part of scim.Store.
func (t *tenant) Delete(ctx context.Context, rt *schema.ResourceType, id string, precondition scim.Precondition) error {
	ctx, cancel := carryThrough(ctx)
	defer cancel()
	if rt == schema.Group {
		return t.deleteGroup(ctx, id, precondition)
	}
	return t.deleteUser(ctx, id, precondition)
}

// List is part of scim.Store.
func (t *tenant) List(ctx context.Context, rt *schema.ResourceType, query scim.Query) (*scim.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := t.catchUp(ctx); err != nil {
		return nil, err
	}
	fences := t.fences(rt, query.Filter)
	if rt == schema.Group {
		return list(ctx, t.namespace, t.groups, query, t.group, fences)
	}
	return list(ctx, t.namespace, t.users, query, t.user, fences)
}

// fences are passed before a filter is said to select nothing.
func (t *tenant) fences(rt *schema.ResourceType, f filter.Filter) []func(context.Context) error {
	switch {
	case filter.Mentions(f, schema.Members, schema.Groups): // of a group only members are shown that are
		return []func(context.Context) error{t.users.pass, t.groups.pass, t.slices.pass}
	case rt == schema.User:
		return []func(context.Context) error{t.users.pass}
	case filter.Mentions(f, schema.Meta): // a group is modified when a slice of it is
		return []func(context.Context) error{t.groups.pass, t.slices.pass}
	}
	return []func(context.Context) error{t.groups.pass}
}

// Synchronization is the position of a namespace's switch.
func (d *Directories) Synchronization(namespace string) v1alpha1.Synchronization {
	return policy.SwitchOf(d.settings.of(namespace))
}

// Exists reports whether a namespace has a CloudSSODirectory.
func (d *Directories) Exists(namespace string) bool { return d.settings.of(namespace) != nil }

// existingUsers is the namespace's policy for a SCIM create that meets a Manual user.
func (t *tenant) existingUsers() v1alpha1.ExistingUsersPolicy {
	if declared := t.settings.of(t.namespace); declared != nil {
		return declared.Spec.ExistingUsers
	}
	return v1alpha1.ExistingUsersReject
}

// warn records a warning Event.
func (t *tenant) warn(on runtime.Object, reason, format string, args ...any) {
	t.Emit(on, corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...))
}

// lastModified is SCIM's meta.lastModified.
func lastModified(o client.Object) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, o.GetAnnotations()[v1alpha1.AnnotationLastModified]); err == nil {
		return at
	}
	return o.GetCreationTimestamp().Time
}

func userSentinel() *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: v1alpha1.SentinelName}}
}

func groupSentinel() *v1alpha1.CloudSSOGroup {
	return &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceManual, DisplayName: v1alpha1.SentinelName}}
}

// newObjectMeta is the metadata of an object that SCIM creates. Until it is modified its meta.lastModified is
// meta.created (RFC 7643 section 3.1).
func (t *tenant) newObjectMeta(name, prefix string, finalizers ...string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:    t.namespace,
		GenerateName: generateName(name, prefix),
		Finalizers:   finalizers,
	}
}
