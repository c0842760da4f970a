package bindings

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
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

// Names knows which users have one userName: the index of the SCIM side.
type Names interface {
	// Namesakes returns the metadata.names of the other live objects that the index shows under the name of a user.
	Namesakes(o client.Object) []string
	// HasSeen reports whether the index shows a user as of its resourceVersion or later.
	HasSeen(o client.Object) bool
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
	// Members, Names and Claims are those of the store.
	Members Memberships
	Names   Names
	Claims  Claims
	// Remember is how long a revocation is remembered: longer than another replica can go on granting by what it knew before.
	Remember time.Duration
	// Priority, if not nil, lets revocations go before creates and changes of groups.
	Priority *priority.Gate
	// Registry, if not nil, gets the metrics.
	Registry prometheus.Registerer
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// Bindings are the projected bindings of the cluster. Safe for concurrent use.
type Bindings struct{ Config }

// New returns Bindings that are fed from the cache. They revoke once Start runs.
func New(ctx context.Context, config Config) (*Bindings, error) {
	return nil, errors.ErrUnsupported
}

// NeedLeaderElection returns false.
func (*Bindings) NeedLeaderElection() bool { return false }

// Start revokes until ctx ends.
func (b *Bindings) Start(ctx context.Context) error { return errors.ErrUnsupported }

// Synced reports whether the index has the bindings, users and directories that existed when the informers started.
func (b *Bindings) Synced() bool { return false }

// Usernames returns the Kubernetes user names of a directory's users, under its present rule. They stay up to date until
// the rule changes; then a Change with All tells it, and another call returns those under the new rule. A namespace without
// a directory has none.
func (b *Bindings) Usernames(namespace string) *access.Usernames { return nil }

// Assignments returns the assignments of which there is a binding, sorted.
func (b *Bindings) Assignments() []types.NamespacedName { return nil }

// Targets returns the namespaces in which there are bindings of an assignment, sorted; "" is the cluster.
func (b *Bindings) Targets(assignment types.NamespacedName) []string { return nil }

// View returns the bindings of an assignment in a namespace, or in the cluster if target is "", as they are now. It does not
// change.
func (b *Bindings) View(assignment types.NamespacedName, target string) *View { return nil }

// Get returns a binding as the informer shows it, to be compared with what it should be. It is shared: read only.
func (b *Bindings) Get(assignment types.NamespacedName, target string, number int) (*Object, bool) {
	return nil, false
}

// Change is what has changed. Either Assignment is set, or Namespace.
type Change struct {
	// Assignment is the assignment of a binding that was created, changed or deleted.
	Assignment types.NamespacedName
	// Namespace is the directory of which Usernames may mean another user than before; with All, every user name may.
	Namespace string
	Usernames []string
	All       bool
}

// Subscribe has a function called after each change, once the index shows it. The function must not block. A Subscription
// begins without the changes that came before it.
func (b *Bindings) Subscribe(notify func(Change)) (unsubscribe func()) { return func() {} }

// RevokeUser takes a user's subjects out of every binding in which they do not belong, and out of those that show them while
// the revocation is remembered. It does not wait. Call it after the write that takes access away is stored: a deactivation,
// a suspension, a deprovisioning, a deletion, or another Kubernetes user name.
func (b *Bindings) RevokeUser(namespace, user string) {}

// RevokeMembers is RevokeUser for users who were removed from a group.
func (b *Bindings) RevokeMembers(namespace, group string, users []string) {}

// RevokeGroup is RevokeUser for every subject that has a role through a group that was deleted.
func (b *Bindings) RevokeGroup(namespace, group string) {}

// AwaitRevoked revokes, and returns once no binding has a subject through the user or group that does not belong there. The
// error is the context's.
func (b *Bindings) AwaitRevoked(ctx context.Context, kind v1alpha1.PrincipalKind, namespace, name string) error {
	return errors.ErrUnsupported
}
