package controllerutil

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// pendingInterval is when to look again at a name whose claim belongs to a request that is under way.
const pendingInterval = 2 * time.Second

// NameOwner finds out which object holds a name, and claims names for objects that no SCIM request has claimed them for.
type NameOwner struct {
	Names  Names
	Claims *nameclaim.Claims
}

// NameHolding says what NameOwner has found out.
type NameHolding struct {
	// Other is the live object that holds the name instead; nil if there is none.
	Other client.Object
	// Undecided says that the claim belongs to a request that is under way.
	Undecided bool
	// Former is the object's claim on the name that it had before; nil if there is none. It can be released once the status
	// has been written, because the object had another name then.
	Former *v1alpha1.CloudSSONameClaim
}

// Determine finds out whether a live user or group holds its name, and claims the name for it if no live object does. A
// synchronized object without a namesake holds its name: the request that created it has claimed it, or the sweep does.
// claimed is the object's status.claimedName.
func (n NameOwner) Determine(ctx context.Context, o client.Object, claimed string, position policy.Switch) (holding NameHolding, err error) {
	name := nameclaim.NameOf(o)
	if former := name.Renamed(claimed); claimed != "" && former != name {
		if holding.Former, err = n.Claims.HeldBy(ctx, former, o.GetName()); err != nil {
			return NameHolding{}, err
		}
	}
	isSynchronized := policy.SourceOf(o) == v1alpha1.SourceSCIM && position == policy.SwitchEnabled
	if !policy.IsLive(o) || isSynchronized && len(n.Names.Namesakes(o)) == 0 {
		return holding, nil
	}
	holder, err := n.Claims.Holder(ctx, name)
	if err == nil && holder == nil {
		holder, holding.Undecided, err = n.acquire(ctx, name, o)
	}
	if err != nil {
		return NameHolding{}, err
	}
	if holder != nil && holder.GetName() != o.GetName() {
		holding.Other = holder
	}
	return holding, nil
}

// acquire claims a name that no live object holds. It returns the live object that has got the name in the meantime, or that
// this is not decided.
func (n NameOwner) acquire(ctx context.Context, name nameclaim.Name, o client.Object) (holder client.Object, isUndecided bool, err error) {
	own, err := n.Claims.HeldBy(ctx, name, o.GetName())
	if err != nil || own != nil { // deleted or renamed since it was read: were the claim refreshed, that request could not release it
		return nil, own != nil, err
	}
	_, err = n.Claims.TryAcquire(ctx, name, o.GetName())
	var taken *nameclaim.TakenError
	var pending *nameclaim.PendingError
	switch {
	case errors.As(err, &taken):
		return taken.Holder, false, nil
	case errors.As(err, &pending):
		return nil, true, nil
	}
	return nil, false, err
}

// RequeueAfter returns when to look again at a name that is not decided; zero if it is.
func (h NameHolding) RequeueAfter() time.Duration {
	if h.Undecided {
		return pendingInterval
	}
	return 0
}

// ClaimedName returns the status.claimedName of a user or group: the name that it has in its spec, if it is a Manual one that
// holds that name. While this is not decided, it keeps what it has: only while claimedName is the present name does the
// object take part in access.
func (h NameHolding) ClaimedName(o client.Object, name, before string) string {
	switch {
	case policy.SourceOf(o) != v1alpha1.SourceManual, !policy.IsLive(o), h.Other != nil:
		return ""
	case h.Undecided:
		return before
	}
	return name
}

// ConflictMessage returns what to say about a user or group whose name another one holds.
func (h NameHolding) ConflictMessage(o client.Object, name string) string {
	claimed := nameclaim.NameOf(o)
	holder := fmt.Sprintf("%s %s", claimed.Kind, h.Other.GetName())
	return fmt.Sprintf("%s %q is already that of %s; rename or delete %s", claimed.Attribute(), name, holder,
		conflictRemedy(policy.SourceOf(o), policy.SourceOf(h.Other), holder))
}

// conflictRemedy returns which of two objects of one name can be renamed or deleted, and where. SCIM does not show an object
// whose name another one holds, so the identity provider cannot change it.
func conflictRemedy(source, holderSource v1alpha1.Source, holder string) string {
	const hidden = "the identity provider does not see this one, which can be renamed or deleted after switching SCIM synchronization off"
	isSynchronized, isHolderSynchronized := source == v1alpha1.SourceSCIM, holderSource == v1alpha1.SourceSCIM
	switch {
	case isSynchronized && isHolderSynchronized:
		return holder + " in the identity provider; " + hidden
	case isSynchronized:
		return holder + "; " + hidden
	case isHolderSynchronized:
		return "this one, or " + holder + " in the identity provider"
	}
	return "one of the two"
}

// PendingMessage returns what to say about a user or group whose name is not decided.
func PendingMessage(o client.Object, name string) string {
	return fmt.Sprintf("the CloudSSONameClaim of %s %q is that of another request, which is under way or has failed, or of an object that has just changed; this is looked at again every two seconds",
		nameclaim.NameOf(o).Attribute(), name)
}

// Release releases the name of an object that is not live any more, if the claim is still the object's.
func (n NameOwner) Release(ctx context.Context, o client.Object) error {
	claim, err := n.Claims.HeldBy(ctx, nameclaim.NameOf(o), o.GetName())
	if err != nil {
		return err
	}
	return n.Claims.Release(ctx, claim)
}
