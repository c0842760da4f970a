package nameclaim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// maxAttempts bounds how often Acquire begins again at once because another writer changed the claim in between. A
	// caller that is overtaken so often backs off before it tries again.
	maxAttempts = 3
	// maxPauses bounds the looks at a claim of a request that is under way: with firstPause doubled each time they
	// take 1.3 s together, and a create that is not hindered takes milliseconds.
	maxPauses  = 7
	firstPause = 10 * time.Millisecond
)

// errChanged says that the claim is no longer what was read. It never leaves the package.
var errChanged = errors.New("the claim has changed")

// Acquired is a claim that its holder has just acquired or refreshed.
type Acquired struct {
	*v1alpha1.CloudSSONameClaim
	// TakenFrom is the object that had the name before and that is not live any more; nil if there was none.
	TakenFrom client.Object
}

// Acquire makes id the holder of the name. The object of that id may not exist yet, or not have the name yet; the
// caller writes it next. Acquiring a claim that id holds already refreshes it.
//
// A *TakenError says that another live object has the name, a *PendingError that this is not decided, an *OvertakenError
// that other writers have changed the claim at each attempt. Any other error is the API server's; the claim may then have
// been acquired all the same.
func (c *Claims) Acquire(ctx context.Context, name Name, id string) (Acquired, error) {
	return c.acquireUntil(ctx, name, id, c.pause)
}

// TryAcquire is Acquire without a pause: a controller looks again later, and must not keep its worker from others.
func (c *Claims) TryAcquire(ctx context.Context, name Name, id string) (Acquired, error) {
	return c.acquireUntil(ctx, name, id, func(context.Context, int) bool { return false })
}

// acquireUntil looks again at a pending claim as long as pause returns true.
func (c *Claims) acquireUntil(ctx context.Context, name Name, id string, pause func(ctx context.Context, pauses int) bool) (Acquired, error) {
	for attempt, pauses := 0, 0; attempt < maxAttempts; {
		acquired, err := c.acquire(ctx, name, id)
		var pending *PendingError
		isPending, isChanged := errors.As(err, &pending), errors.Is(err, errChanged)
		if c.Contention != nil && (isPending || isChanged) {
			c.Contention(name.Kind)
		}
		switch {
		case isPending && pause(ctx, pauses):
			pauses++
		case isChanged:
			attempt++
		default:
			return acquired, err
		}
	}
	return Acquired{}, &OvertakenError{name}
}

// pauseBriefly waits before the next look at a claim of a request that is under way.
func pauseBriefly(ctx context.Context, attempt int) bool {
	if attempt >= maxPauses {
		return false
	}
	timer := time.NewTimer(firstPause << attempt)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Claims) acquire(ctx context.Context, name Name, id string) (Acquired, error) {
	isOther := func(named string) bool { return named != id }
	if !slices.ContainsFunc(c.index.Named(name), isOther) { // a name that is free: one write, no read
		claim, err := c.create(ctx, name, id)
		if !errors.Is(err, errChanged) {
			return Acquired{CloudSSONameClaim: claim}, err
		}
	}
	claim, err := c.read(ctx, name)
	if err != nil {
		return Acquired{}, err
	}
	var takenFrom client.Object
	if claim != nil {
		if claim.Spec.Holder == id {
			refreshed, err := c.update(ctx, claim, id)
			return Acquired{CloudSSONameClaim: refreshed}, err
		}
		if takenFrom, err = c.checkLeftOver(ctx, name, claim); err != nil {
			return Acquired{}, err
		}
	}
	return c.acquireFree(ctx, name, claim, id, takenFrom)
}

// checkLeftOver returns nil if a claim may be taken over: its holder can never have the name again, or no request can be
// working on the claim any more. former is the holder if it had the name and is not live any more.
func (c *Claims) checkLeftOver(ctx context.Context, name Name, claim *v1alpha1.CloudSSONameClaim) (former client.Object, err error) {
	// Before the holder is read: a request that ends between the two may have given the holder its name.
	abandoned := c.isAbandoned(claim)
	holder, err := c.readHolder(ctx, name, claim.Spec.Holder)
	switch {
	case err != nil:
		return nil, err
	case holder != nil && name.isHeldBy(holder):
		return nil, &TakenError{name, holder}
	case holder != nil && !policy.IsLive(holder):
		if NameOf(holder) != name { // a rename to the name failed, and the holder never had it
			return nil, nil
		}
		return holder, nil
	case !abandoned:
		c.abandonment.observe(claim)
		return nil, &PendingError{name, claim.Name, claim.Spec.Holder}
	}
	return nil, nil
}

// acquireFree writes a claim that is left over, or the first one if claim is nil: for a live object that has the name
// already and is entitled to it before id, such as one that was restored from a backup, else for id.
func (c *Claims) acquireFree(ctx context.Context, name Name, claim *v1alpha1.CloudSSONameClaim, id string, takenFrom client.Object) (Acquired, error) {
	other, err := c.confirmOther(ctx, name, id)
	if err != nil {
		return Acquired{}, err
	}
	holder := id
	if other != nil {
		holder = other.GetName()
	}
	var written *v1alpha1.CloudSSONameClaim
	if claim == nil {
		written, err = c.create(ctx, name, holder)
	} else {
		written, err = c.update(ctx, claim, holder)
	}
	if err == nil && other != nil {
		err = &TakenError{name, other}
	}
	if err != nil {
		return Acquired{}, err
	}
	return Acquired{written, takenFrom}, nil
}

// confirmOther returns the object that is entitled to the name if it is not id's: the first one of the index that a live
// read confirms to be live and to have the name.
func (c *Claims) confirmOther(ctx context.Context, name Name, id string) (client.Object, error) {
	for _, named := range c.index.Named(name) {
		o, err := c.readHolder(ctx, name, named)
		switch {
		case err != nil:
			return nil, err
		case o == nil || !name.isHeldBy(o):
			continue
		case named == id:
			return nil, nil
		}
		return o, nil
	}
	return nil, nil
}

func (c *Claims) create(ctx context.Context, name Name, id string) (*v1alpha1.CloudSSONameClaim, error) {
	key := name.Key()
	claim := &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace,
			Name:      key.Name,
			Labels:    map[string]string{v1alpha1.LabelExcludeFromBackup: "true"},
		},
		Spec: v1alpha1.CloudSSONameClaimSpec{Kind: name.Kind, Name: name.Folded, Holder: id, AcquiredAt: c.acquisition(metav1.MicroTime{})},
	}
	err := c.client.Create(ctx, claim)
	if apierrors.IsAlreadyExists(err) {
		return nil, errChanged
	}
	if err != nil {
		return nil, fmt.Errorf("claiming %s %q for %s: %w", name.Attribute(), name.Folded, id, err)
	}
	return claim, nil
}

// update makes id the holder of a claim that is still what was read.
func (c *Claims) update(ctx context.Context, claim *v1alpha1.CloudSSONameClaim, id string) (*v1alpha1.CloudSSONameClaim, error) {
	next := claim.DeepCopy()
	next.Spec.Holder = id
	next.Spec.AcquiredAt = c.acquisition(claim.Spec.AcquiredAt)
	err := c.client.Update(ctx, next)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil, errChanged
	}
	if err != nil {
		return nil, fmt.Errorf("taking over the claim on %q for %s: %w", claim.Spec.Name, id, err)
	}
	return next, nil
}
