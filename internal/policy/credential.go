package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// CredentialLifetimeYears is how long a credential is valid by default: long enough for a yearly rotation, short
	// enough that a forgotten token ends by itself.
	CredentialLifetimeYears = 1
	// CredentialExpiryWarning is how long before its end a credential is Expiring: a quarter of its default lifetime,
	// so that there is time for a rotation.
	CredentialExpiryWarning = 90 * 24 * time.Hour
)

// CredentialDefaultExpiry returns the spec.expiresAt of a credential that is declared without one.
func CredentialDefaultExpiry(c *v1alpha1.SCIMCredential) metav1.Time {
	return metav1.NewTime(c.CreationTimestamp.AddDate(CredentialLifetimeYears, 0, 0))
}

// CredentialExpiry returns when a credential expires; zero if the controller has not written it yet.
func CredentialExpiry(c *v1alpha1.SCIMCredential) time.Time {
	if c.Spec.ExpiresAt == nil {
		return time.Time{}
	}
	return c.Spec.ExpiresAt.Time
}

// CredentialExpired says whether a credential that ends at expiry has ended. At that very moment it has.
func CredentialExpired(expiry, now time.Time) bool {
	return !now.Before(expiry)
}

// CredentialExpiring says whether a credential that ends at expiry ends soon, or has ended.
func CredentialExpiring(expiry, now time.Time) bool {
	return CredentialExpired(expiry.Add(-CredentialExpiryWarning), now)
}

// CredentialNextChange returns how long it is until a credential that ends at expiry begins to be
// expiring, or ends, whichever is next. Zero: neither is to come.
func CredentialNextChange(expiry, now time.Time) time.Duration {
	for _, moment := range []time.Time{expiry.Add(-CredentialExpiryWarning), expiry} {
		if now.Before(moment) {
			return moment.Sub(now)
		}
	}
	return 0
}

// CredentialHoldsSlot says whether a credential has one of its directory's slots.
func CredentialHoldsSlot(c *v1alpha1.SCIMCredential) bool {
	return !c.Status.SlotHeldSince.IsZero()
}

// CredentialGetsSlot reports whether the credential called name holds one of its directory's slots or is
// due one, and returns the names of those that hold them. all are the credentials of the namespace.
//
// A credential keeps its slot until it is deleted. Free slots go to those that have a token, because an identity
// provider may use it, then to the older, then by name. A credential that is being deleted gets none.
func CredentialGetsSlot(name string, all []v1alpha1.SCIMCredential) (granted bool, holders []string) {
	var waiting []*v1alpha1.SCIMCredential
	for i := range all {
		switch c := &all[i]; {
		case CredentialHoldsSlot(c):
			holders = append(holders, c.Name)
		case c.DeletionTimestamp.IsZero():
			waiting = append(waiting, c)
		}
	}
	slices.SortFunc(waiting, byPrecedence)
	for _, c := range waiting[:min(len(waiting), max(0, v1alpha1.MaxCredentials-len(holders)))] {
		holders = append(holders, c.Name)
	}
	slices.Sort(holders)
	return slices.Contains(holders, name), holders
}

func byPrecedence(a, b *v1alpha1.SCIMCredential) int {
	withoutToken := func(c *v1alpha1.SCIMCredential) int {
		if c.Spec.TokenHash == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(withoutToken(a), withoutToken(b)),
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	)
}

// CredentialHasOldLayout reports whether an earlier version of the operator minted or used the credential's token. That
// version kept the hash in a Secret of the credential's name.
func CredentialHasOldLayout(c *v1alpha1.SCIMCredential) bool {
	return c.Spec.TokenHash == "" && c.Status.SecretName == c.Name
}

// CredentialNeedsToken reports whether a token is to be minted for the credential.
func CredentialNeedsToken(c *v1alpha1.SCIMCredential, now time.Time) bool {
	return c.Spec.TokenHash == "" && !CredentialHasOldLayout(c) && CredentialUseOf(c).Refusal(now) == CredentialAllowed
}

// CredentialRefusal says why a credential may not be used, in the word of the provisioning log (auth.Reason); "" if it may.
type CredentialRefusal string

// The reasons why a credential may not be used.
const (
	CredentialAllowed     CredentialRefusal = ""
	CredentialTerminating CredentialRefusal = "deleted"
	CredentialPending     CredentialRefusal = "pending" // the controller has not written spec.expiresAt yet
	CredentialDisabled    CredentialRefusal = "disabled"
	CredentialEnded       CredentialRefusal = "expired"
	CredentialWithoutSlot CredentialRefusal = "quota"
)

// CredentialUse is what decides, at any moment, whether a credential may be used. It is small,
// so that a cache of many credentials keeps this alone.
type CredentialUse struct {
	SlotHeld    bool
	Disabled    bool
	Terminating bool
	ExpiresAt   time.Time // zero is not usable
	// Networks are those that requests may come from; nil for all.
	Networks []netip.Prefix
}

// CredentialUseOf returns what decides about a credential's use.
func CredentialUseOf(c *v1alpha1.SCIMCredential) CredentialUse {
	return CredentialUse{
		SlotHeld:    CredentialHoldsSlot(c),
		Disabled:    c.Spec.Disabled,
		Terminating: !c.DeletionTimestamp.IsZero(),
		ExpiresAt:   CredentialExpiry(c),
		Networks:    credentialNetworks(c),
	}
}

// credentialNetworks returns the networks that a credential's requests may come from; nil for all. A text that is no network
// permits no address.
func credentialNetworks(c *v1alpha1.SCIMCredential) []netip.Prefix {
	if len(c.Spec.AllowedNetworks) == 0 {
		return nil
	}
	networks := []netip.Prefix{}
	for _, text := range c.Spec.AllowedNetworks {
		if network, err := netip.ParsePrefix(text); err == nil {
			networks = append(networks, network)
		}
	}
	return networks
}

// IsAllowedFrom reports whether a request may come from an address. The invalid address is in no network.
func (u CredentialUse) IsAllowedFrom(address netip.Addr) bool {
	return u.Networks == nil || slices.ContainsFunc(u.Networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// Refusal says whether the credential may be used now, and if not, why. Its token is another matter.
func (u CredentialUse) Refusal(now time.Time) CredentialRefusal {
	switch {
	case u.Terminating:
		return CredentialTerminating
	case u.ExpiresAt.IsZero():
		return CredentialPending
	case !u.SlotHeld:
		return CredentialWithoutSlot
	case u.Disabled:
		return CredentialDisabled
	case CredentialExpired(u.ExpiresAt, now):
		return CredentialEnded
	}
	return CredentialAllowed
}

// CredentialUsable says whether a credential authenticates now, as far as the object itself shows: it
// may be used, and its controller has found its token in order.
func CredentialUsable(c *v1alpha1.SCIMCredential, now time.Time) bool {
	return CredentialUseOf(c).Refusal(now) == CredentialAllowed &&
		meta.IsStatusConditionPresentAndEqual(c.Status.Conditions, v1alpha1.ConditionUsable, metav1.ConditionTrue)
}
