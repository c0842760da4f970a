package nameclaim

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// maxAttempts bounds how often Acquire begins again because another writer changed the claim in between. Each of
	// them made progress, so ten in a row mean that something is wrong.
	maxAttempts = 10
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
// A *TakenError says that another live object has the name, a *PendingError that this is not decided. Any other
// error is the API server's; the claim may then have been acquired all the same.
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
		switch {
		case errors.As(err, &pending) && pause(ctx, pauses):
			pauses++
		case errors.Is(err, errChanged):
			attempt++
		default:
			return acquired, err
		}
	}
	return Acquired{}, fmt.Errorf("CloudSSONameClaim %s: overtaken by other writers %d times", name.Key(), maxAttempts)
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
	if len(c.others(name, id)) == 0 { // a name that is free: one write, no read
		claim, err := c.create(ctx, name, id)
		if !errors.Is(err, errChanged) {
			return Acquired{CloudSSONameClaim: claim}, err
		}
	}
	claim, err := c.read(ctx, name)
	if err != nil {
		return Acquired{}, err
	}
	if claim == nil {
		return c.acquireUnclaimed(ctx, name, id)
	}
	return c.acquireClaimed(ctx, name, claim, id)
}

// acquireUnclaimed creates the claim: for a live object that has the name already and is entitled to it before id, such as
// one that was restored from a backup, else for id.
func (c *Claims) acquireUnclaimed(ctx context.Context, name Name, id string) (Acquired, error) {
	other, err := c.confirmOther(ctx, name, id)
	if err != nil {
		return Acquired{}, err
	}
	if other != nil {
		if _, err := c.create(ctx, name, other.GetName()); err != nil {
			return Acquired{}, err
		}
		return Acquired{}, &TakenError{name, other}
	}
	claim, err := c.create(ctx, name, id)
	return Acquired{CloudSSONameClaim: claim}, err
}

// acquireClaimed refreshes the claim if it is id's. Else it takes the claim over if its holder can never have the
// name again, or if no request can be working on it any more.
func (c *Claims) acquireClaimed(ctx context.Context, name Name, claim *v1alpha1.CloudSSONameClaim, id string) (Acquired, error) {
	if claim.Spec.Holder == id {
		return c.update(ctx, claim, id, nil)
	}
	// Before the holder is read: a request that ends between the two may have given the holder its name.
	abandoned := c.isAbandoned(claim)
	holder, err := c.readHolder(ctx, name, claim.Spec.Holder)
	if err != nil {
		return Acquired{}, err
	}
	var takenFrom client.Object
	switch {
	case holder != nil && name.isHeldBy(holder):
		return Acquired{}, &TakenError{name, holder}
	case holder != nil && !policy.IsLive(holder):
		if NameOf(holder) == name { // else a rename to the name failed, and the holder never had it
			takenFrom = holder
		}
	case !abandoned:
		c.abandonment.observe(claim)
		return Acquired{}, &PendingError{name, claim.Name, claim.Spec.Holder}
	}
	other, err := c.confirmOther(ctx, name, id)
	if err != nil {
		return Acquired{}, err
	}
	if other != nil {
		if _, err := c.update(ctx, claim, other.GetName(), nil); err != nil {
			return Acquired{}, err
		}
		return Acquired{}, &TakenError{name, other}
	}
	return c.update(ctx, claim, id, takenFrom)
}

// others returns the live objects, other than id, that the index shows under the name.
func (c *Claims) others(name Name, id string) (others []string) {
	for _, other := range c.index.Named(name) {
		if other != id {
			others = append(others, other)
		}
	}
	return others
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
func (c *Claims) update(ctx context.Context, claim *v1alpha1.CloudSSONameClaim, id string, takenFrom client.Object) (Acquired, error) {
	next := claim.DeepCopy()
	next.Spec.Holder = id
	next.Spec.AcquiredAt = c.acquisition(claim.Spec.AcquiredAt)
	err := c.client.Update(ctx, next)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return Acquired{}, errChanged
	}
	if err != nil {
		return Acquired{}, fmt.Errorf("taking over the claim on %q for %s: %w", claim.Spec.Name, id, err)
	}
	return Acquired{next, takenFrom}, nil
}
