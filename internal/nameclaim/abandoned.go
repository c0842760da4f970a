package nameclaim

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// takeOverAfter is how long this replica must have seen a claim unchanged before it may be taken over: more than a
	// request and the writes that it sent live together (25 s and 20 s).
	takeOverAfter = time.Minute
	// abandonedAfter is the age at which a claim may be taken over at once. Clocks of replicas differ, but not by that
	// much.
	abandonedAfter = 10 * time.Minute
	// maxObserved bounds the claims that a replica remembers, about 1 MB. The claim that was looked at longest ago is
	// forgotten, and its minute begins again.
	maxObserved = 4096
)

// abandonment remembers since when this replica has seen a claim unchanged, by its own monotonic clock, as client-go's
// leader election does.
type abandonment struct {
	now func() time.Time

	mu       sync.Mutex
	observed *lru.Cache // of time.Time, by version
}

// version identifies one state of one claim.
type version struct {
	uid             types.UID
	resourceVersion string
}

func newAbandonment(now func() time.Time) *abandonment {
	return &abandonment{now: now, observed: lru.New(maxObserved)}
}

// isAbandoned reports whether no request can be working on a claim any more.
func (a *abandonment) isAbandoned(claim *v1alpha1.CloudSSONameClaim) bool {
	now := a.now()
	if now.Sub(claim.Spec.AcquiredAt.Time) >= abandonedAfter {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	first, seen := a.firstSeen(claim)
	return seen && now.Sub(first) >= takeOverAfter
}

// observe remembers that a claim was seen whose holder does not have the name.
func (a *abandonment) observe(claim *v1alpha1.CloudSSONameClaim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, seen := a.firstSeen(claim); !seen {
		a.observed.Add(version{claim.UID, claim.ResourceVersion}, a.now())
	}
}

func (a *abandonment) firstSeen(claim *v1alpha1.CloudSSONameClaim) (first time.Time, seen bool) {
	since, seen := a.observed.Get(version{claim.UID, claim.ResourceVersion})
	first, _ = since.(time.Time)
	return first, seen
}
