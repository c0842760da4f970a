package usage

import (
	"context"
	"errors"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials;cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials/status;cloudssodirectories/status,verbs=patch

const (
	// interval is the time between writes: refusals show within a second, at one write a second for any number.
	interval = time.Second
	// shutdownTimeout bounds the last write, so that a replica can end while the API server is away.
	shutdownTimeout = 5 * time.Second
)

// Recorder collects uses and refusals, and writes them in the background. Its methods are safe for concurrent
// use. Only Start and Flush wait for the API server.
type Recorder struct {
	client client.Client
	now    func() time.Time

	mu       sync.Mutex
	used     map[target]time.Time              // last use, not yet written
	written  map[target]time.Time              // when this replica wrote last, or the use of another one that it has found
	refusals map[string]v1alpha1.RefusedWrites // by namespace, not yet written
}

// New returns a Recorder. c must read from the API server, not from a cache. now is the clock.
func New(c client.Client, now func() time.Time) *Recorder {
	return &Recorder{
		client: c, now: now,
		used: map[target]time.Time{}, written: map[target]time.Time{}, refusals: map[string]v1alpha1.RefusedWrites{},
	}
}

// Used records that a request was authenticated. It is written to status.lastUsedTime of the credential and
// status.lastRequestTime of its directory, each at most once a minute, and within a minute.
func (r *Recorder) Used(p auth.Principal) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used[credentialTarget(p)] = now
	r.used[directoryTarget(p.Namespace)] = now
}

// Refused records a write that was refused because synchronization is Disabled, such as ("PATCH",
// "Users/alice-example-com-x7k2p") or ("POST", "Users"). It is added to status.refusedWrites of the directory,
// which is written at most once a second.
func (r *Recorder) Refused(p auth.Principal, method, resource string) {
	write := refusedWrite(r.now(), p, method, resource)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[p.Namespace] = plus(r.refusals[p.Namespace], v1alpha1.RefusedWrites{Count: 1, Last: latest(write)})
}

// NeedLeaderElection returns false, because every replica writes its own uses and refusals.
func (r *Recorder) NeedLeaderElection() bool { return false }

// Start writes uses and refusals every second until ctx ends, and then once more.
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

// Flush writes all uses and refusals, due or not. If a write fails, a later call repeats it. The last requests may
// end after Start has returned: call Flush again after them.
func (r *Recorder) Flush(ctx context.Context) error {
	return r.write(ctx, true)
}

func (r *Recorder) write(ctx context.Context, all bool) error {
	return errors.Join(r.writeRefusals(ctx), r.writeUse(ctx, all))
}
