package chaos

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

const (
	// unblockTimeout is how long after the end a claim that is left over may block its name: a replica takes it over when
	// it has seen it unchanged for a minute.
	unblockTimeout = 75 * time.Second
	// maxProbes bounds how many left-over claims are tried.
	maxProbes = 8
	// minProbePause and maxProbePause bound the time between two attempts; in between Retry-After decides.
	minProbePause = time.Second
	maxProbePause = 5 * time.Second
	// firstProber is the client number of the first probe.
	firstProber = 2000
)

// leftOver returns the claims whose holder does not have the name: it does not exist, has another name, or is
// deprovisioned. The last are taken over at once, so they come last.
func (o Objects) leftOver() (claims []v1alpha1.CloudSSONameClaim) {
	named := o.named()
	var deprovisioned []v1alpha1.CloudSSONameClaim
	for _, c := range o.Claims {
		u, found := o.user(c.Spec.Holder)
		switch {
		case slices.Contains(named[claimKey{c.Spec.Kind, c.Spec.Name}], c.Spec.Holder):
		case c.Spec.Kind == v1alpha1.ClaimedByUser && found && !isLive(u):
			deprovisioned = append(deprovisioned, c)
		default:
			claims = append(claims, c)
		}
	}
	return append(claims, deprovisioned...)
}

// Probe is one left-over claim and the attempts to create an object of its name.
type Probe struct {
	claim     v1alpha1.CloudSSONameClaim
	slot      int
	inHistory bool // the history of the name shows whether a 409 is true
	last      *Op
}

// ProbeClaims creates objects under the names of some left-over claims, each through one replica in as many attempts as
// it takes. The requests are part of the history.
func (w *Workload) ProbeClaims(ctx context.Context) (probes []*Probe, err error) {
	objects, err := w.Replicas.objects(ctx)
	if err != nil {
		return nil, err
	}
	claims := objects.leftOver()
	deadline := w.History.Now() + unblockTimeout
	var probing sync.WaitGroup
	for i, c := range claims[:min(len(claims), maxProbes)] {
		prober, err := NewClient(firstProber+i, w.Replicas, w.History)
		if err != nil {
			return nil, err
		}
		partition := w.partitionOf(c.Spec.Name)
		p := &Probe{claim: c, slot: i % len(w.Replicas.URLs()), inHistory: w.isNameSet(partition)}
		probes = append(probes, p)
		create := Op{Partition: partition, Group: c.Spec.Kind == v1alpha1.ClaimedByGroup, Kind: Create, Name: c.Spec.Name}
		probing.Go(func() { p.run(ctx, prober, create, deadline) })
	}
	probing.Wait()
	return probes, nil
}

// isNameSet reports whether a partition is that of a set of names.
func (w *Workload) isNameSet(partition string) bool {
	for _, r := range w.rounds {
		if slices.ContainsFunc(r.nameSets(), func(s *nameSet) bool { return s.partition == partition }) {
			return true
		}
	}
	return false
}

// run sends the create until it is answered, or until the deadline.
func (p *Probe) run(ctx context.Context, c *Client, create Op, deadline time.Duration) {
	for ctx.Err() == nil {
		p.last = c.Send(ctx, p.slot, create)
		if p.isDecided() || c.history.Now() > deadline {
			return
		}
		pause(ctx, probePause(p.last.RetryAfter))
	}
}

// isDecided reports whether the last create was answered as that of a name that no claim blocks: it was done, or another
// object has the name, which a request without an answer has created after all.
func (p *Probe) isDecided() bool {
	return p.last != nil && (p.last.Outcome == Done || p.last.Outcome == Conflict)
}

func probePause(retryAfter string) time.Duration {
	seconds, _ := strconv.Atoi(retryAfter)
	return min(max(time.Duration(seconds)*time.Second, minProbePause), maxProbePause)
}

// CheckProbes reports the claims that blocked their names for too long, and names that were answered as taken and that no
// object has.
func CheckProbes(probes []*Probe, o Objects) (violations []Violation) {
	named := o.named()
	for _, p := range probes {
		key := claimKey{p.claim.Spec.Kind, fold.Name(p.claim.Spec.Name)}
		what := fmt.Sprintf("claim %s on %s, left by %s,", p.claim.Name, key, p.claim.Spec.Holder)
		switch {
		case !p.isDecided():
			violations = append(violations, Violation{"claims: no name stays blocked", fmt.Sprintf("%s blocks the name %s after the end", what, unblockTimeout), p.requests()})
		case !p.inHistory && len(named[key]) == 0:
			violations = append(violations, Violation{"claims: a name is taken by an object", what + " was answered as taken, and no object has the name", p.requests()})
		}
	}
	return violations
}

func (p *Probe) requests() []*Op {
	if p.last == nil {
		return nil
	}
	return []*Op{p.last}
}
