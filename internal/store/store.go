package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers;cloudssogroups;cloudssomembershipslices,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssogroups,verbs=delete
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories/status,verbs=patch

// Config is what a Store needs. Every field is required unless its comment says that it may be nil.
type Config struct {
	// Client reads from and writes to the API server, without a cache and without a rate limit. Each of its requests
	// has a server-side timeout, so that a write does not outlive its request by much.
	Client client.Client
	// Cache has the informers of users, groups, slices and directories. Its NewInformer is that of Sources.
	Cache cache.Cache
	// Sources tells how the informers' list and watch calls fare.
	Sources *informer.Sources
	// Warn records a warning Event on an object.
	Warn func(on runtime.Object, reason, note string)
	// Inform, if not nil, records a normal Event on an object.
	Inform func(on runtime.Object, reason, note string)
	// Log gets what an administrator of the operator should know, and a client is not told.
	Log *slog.Logger
	// Lag, if not nil, is told how long the informer of a resource took to show a write of this replica.
	Lag func(resource string, lag time.Duration)
	// Retry, if not nil, is told that another writer has overtaken an attempt to write an object, and that it is repeated.
	Retry func()
	// Contention, if not nil, is told of each attempt to claim a name that met another writer of its claim.
	Contention func(v1alpha1.ClaimedKind)
	// Selection, if not nil, says whether a namespace may be a directory.
	Selection func(namespace string) policy.Selection
	// Priority, if not nil, lets deactivations go before creates and changes of groups.
	Priority *priority.Gate
	// Revoker, if not nil, is told of what takes access away, once it is stored. It can be set until the first request.
	Revoker AccessRevoker
	// Now is the clock. NewSuffix returns the random end of a new object's name, as generateName makes it.
	Now       func() time.Time
	NewSuffix func() string
}

// Store holds the users and groups of every namespace. In returns the scim.Store of one. Safe for concurrent use.
type Store struct {
	Config
	claims      *nameclaim.Claims
	users       *collection[*v1alpha1.CloudSSOUser]
	groups      *collection[*v1alpha1.CloudSSOGroup]
	slices      *collection[*v1alpha1.CloudSSOMembershipSlice]
	groupLocks  keyMutex
	scanLocks   keyMutex // by namespace
	countLocks  keyMutex // by namespace
	counted     countedDirectories
	directories directories
	userScan    userScan

	feeds  []toolscache.InformerSynced
	synced atomic.Bool
}

// New returns a Store that is fed from the cache. It serves once Synced reports true.
func New(ctx context.Context, config Config) (*Store, error) {
	if config.Lag == nil {
		config.Lag = func(string, time.Duration) {}
	}
	if config.Retry == nil {
		config.Retry = func() {}
	}
	if config.Inform == nil {
		config.Inform = func(runtime.Object, string, string) {}
	}
	s := &Store{Config: config}
	s.directories = newDirectories(config.Sources)
	s.claims = nameclaim.New(config.Client, (*nameIndex)(s), config.Now)
	s.claims.Contention = config.Contention
	s.users = newCollection(s, userKind)
	s.groups = newCollection(s, groupKind)
	s.slices = newCollection(s, sliceKind)
	s.userScan.list = s.listUserNames
	for _, feed := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&v1alpha1.CloudSSOUser{}, s.users.index},
		{&v1alpha1.CloudSSOGroup{}, s.groups.index},
		{&v1alpha1.CloudSSOMembershipSlice{}, s.slices.index},
		{&v1alpha1.CloudSSODirectory{}, s.directories.index},
	} {
		informer, err := config.Cache.GetInformer(ctx, feed.object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", feed.object, err)
		}
		registration, err := informer.AddEventHandler(feed.handler)
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", feed.object, err)
		}
		s.feeds = append(s.feeds, registration.HasSynced)
	}
	return s, nil
}

// Synced reports whether the index has everything that existed when the informers started.
func (s *Store) Synced() bool {
	if s.synced.Load() {
		return true
	}
	for _, synced := range s.feeds {
		if !synced() {
			return false
		}
	}
	s.synced.Store(true)
	return true
}

// Available returns an error while this replica must not be asked: before it is synced, and once the list or watch of a
// kind has failed for maxFailing.
func (s *Store) Available() error {
	if !s.Synced() {
		return fmt.Errorf("still reading users, groups and directories")
	}
	for _, available := range []func() error{s.users.available, s.groups.available, s.slices.available} {
		if err := available(); err != nil {
			return err
		}
	}
	return nil
}

// In returns the Store of a namespace.
func (s *Store) In(namespace string) scim.Store { return &namespacedStore{s, namespace} }

// Claims returns the name claims that the store writes, for the controllers.
func (s *Store) Claims() *nameclaim.Claims { return s.claims }

// directories are the CloudSSODirectories of every namespace. Each request asks for one, and what the cache does to find one takes
// a twentieth of a GET.
type directories struct {
	index  *index.Index[*v1alpha1.CloudSSODirectory]
	source *informer.Source
}

func newDirectories(sources *informer.Sources) directories {
	source := sources.Of(&v1alpha1.CloudSSODirectory{})
	noKeys := func(*v1alpha1.CloudSSODirectory) index.Keys { return index.Keys{} }
	return directories{index.New(noKeys, source.ListRevision), source}
}

// directory returns the CloudSSODirectory of a namespace as the informer has it, read only, or nil.
func (s *Store) directory(namespace string) *v1alpha1.CloudSSODirectory {
	if e := s.directories.index.Get(namespace, v1alpha1.DirectoryName); e != nil {
		return e.Object
	}
	return nil
}

// namespacedStore is the scim.Store of one namespace.
type namespacedStore struct {
	*Store
	namespace string
}

var _ scim.Store = (*namespacedStore)(nil)

const (
	// writeTimeout bounds a request that writes: well under the 60 seconds after which providers close the connection.
	writeTimeout = 25 * time.Second
	// readTimeout bounds what a read waits for: an informer that is behind, a live read.
	readTimeout = 10 * time.Second
)

// withWriteTimeout returns a context that does not end when the client hangs up: a request of several writes is carried
// through once it has begun. It returns an error if the client has hung up already.
func withWriteTimeout(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	return ctx, cancel, nil
}

// Create is part of scim.Store.
func (n *namespacedStore) Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	n.Priority.Wait(ctx)
	ctx, cancel, err := withWriteTimeout(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if err := n.checkWhole(); err != nil {
		return nil, err
	}
	if rt == schema.Group {
		return n.createGroup(ctx, attributes, members)
	}
	return n.createUser(ctx, attributes)
}

// Get is part of scim.Store.
func (n *namespacedStore) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	if err := n.waitCaughtUp(ctx); err != nil {
		return nil, err
	}
	if rt == schema.Group {
		return get(ctx, n, n.groups, id, omit)
	}
	return get(ctx, n, n.users, id, omit)
}

func get[T client.Object](ctx context.Context, n *namespacedStore, c *collection[T], id string, omit scim.Omit) (*scim.Resource, error) {
	o, err := c.get(ctx, n.namespace, id)
	if err != nil {
		return nil, err
	}
	return c.represent(n, o, omit), nil
}

// Update is part of scim.Store.
func (n *namespacedStore) Update(ctx context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	if rt == schema.Group {
		n.Priority.Wait(ctx)
	}
	if slices.ContainsFunc(change.Members, selectsByFilter) {
		release, err := n.awaitScan(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	ctx, cancel, err := withWriteTimeout(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if err := n.checkWhole(); err != nil {
		return nil, err
	}
	if rt == schema.Group {
		return n.updateGroup(ctx, id, change)
	}
	return n.updateUser(ctx, id, change)
}

// Delete is part of scim.Store.
func (n *namespacedStore) Delete(ctx context.Context, rt *schema.ResourceType, id string, precondition scim.Precondition) (*scim.Resource, error) {
	ctx, cancel, err := withWriteTimeout(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if rt == schema.Group {
		return n.deleteGroup(ctx, id, precondition)
	}
	return n.deprovisionUser(ctx, id, precondition)
}

// List is part of scim.Store.
func (n *namespacedStore) List(ctx context.Context, rt *schema.ResourceType, query scim.Query) (*scim.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := n.waitCaughtUp(ctx); err != nil {
		return nil, err
	}
	if rt == schema.Group {
		return list(ctx, n, n.groups, query)
	}
	return list(ctx, n, n.users, query)
}

// waitCaughtUp waits until every index shows what this replica has acknowledged in the namespace: a group shows users,
// and a user its groups.
func (n *namespacedStore) waitCaughtUp(ctx context.Context) error {
	if err := n.users.waitCaughtUp(ctx, n.namespace); err != nil {
		return err
	}
	if err := n.groups.waitCaughtUp(ctx, n.namespace); err != nil {
		return err
	}
	return n.slices.waitCaughtUp(ctx, n.namespace)
}

// checkWhole returns an error until this replica has the users, groups and slices of the namespace whole. A write does not
// wait for the other kinds, but its answer has them.
func (n *namespacedStore) checkWhole() error {
	for _, check := range []func(string) error{n.users.checkWhole, n.groups.checkWhole, n.slices.checkWhole} {
		if err := check(n.namespace); err != nil {
			return err
		}
	}
	return nil
}
