package usage

import (
	"context"
	"errors"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials;cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials/status;cloudssodirectories/status,verbs=patch

const (
	// interval between writes: what is refused shows within a second, however much is refused.
	interval = time.Second
	// shutdownTimeout bounds the last write, so that an API server that is away does not hold up a
	// replica's end.
	shutdownTimeout = 5 * time.Second
)

// Recorder notes use and refusals, and writes them in the background. Its methods are safe for
// concurrent use and never wait for the API server, but for Start and Flush.
type Recorder struct {
	client client.Client
	live   client.Reader
	now    func() time.Time

	mu       sync.Mutex
	used     map[target]time.Time // last use, not yet written
	written  map[target]time.Time // what this replica wrote last
	refusals map[string]refusals  // by namespace, not yet written
}

// New returns a Recorder that writes with c, whose reads may come from a cache; live reads from the API
// server. now is the clock.
func New(c client.Client, live client.Reader, now func() time.Time) *Recorder {
	return &Recorder{
		client: c, live: live, now: now,
		used: map[target]time.Time{}, written: map[target]time.Time{}, refusals: map[string]refusals{},
	}
}

// Used notes that a request was authenticated: status.lastUsedTime of the credential and
// status.lastRequestTime of its directory follow, each at most once a minute.
func (r *Recorder) Used(p auth.Principal) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used[credentialTarget(p)] = now
	r.used[directoryTarget(p.Namespace)] = now
}

// Refused notes a write that was refused because synchronization is Disabled, e.g. ("PATCH",
// "Users/alice-example-com-x7k2p") or ("POST", "Users"): status.refusedWrites of the directory follows,
// at most once a second.
func (r *Recorder) Refused(p auth.Principal, method, resource string) {
	write := refusedWrite(r.now(), p, method, resource)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[p.Namespace] = r.refusals[p.Namespace].and(refusals{count: 1, last: latest(write)})
}

// NeedLeaderElection is false: every replica writes what it has seen.
func (r *Recorder) NeedLeaderElection() bool { return false }

// Start writes what is noted until ctx ends, and then what is left.
func (r *Recorder) Start(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := r.write(ctx, false); err != nil && ctx.Err() == nil {
				ctrl.LoggerFrom(ctx).Error(err, "Recording use of credentials and directories failed; it is tried again in a second")
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			return r.Flush(last)
		}
	}
}

// Flush writes everything that is noted, due or not. Call it once more when the last request has been
// answered, which may be after Start returned. What could not be written stays noted.
func (r *Recorder) Flush(ctx context.Context) error {
	return r.write(ctx, true)
}

func (r *Recorder) write(ctx context.Context, all bool) error {
	return errors.Join(r.writeRefusals(ctx), r.writeUse(ctx, all))
}
