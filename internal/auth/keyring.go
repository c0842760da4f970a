package auth

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Principal is the credential that a request comes from.
type Principal struct {
	// Namespace is the directory's.
	Namespace string
	// Credential is the name of the SCIMCredential.
	Credential string
}

// IsZero reports whether the principal names no credential.
func (p Principal) IsZero() bool { return p == Principal{} }

// String returns "namespace/name"; "" for the zero principal.
func (p Principal) String() string {
	if p.IsZero() {
		return ""
	}
	return p.Namespace + "/" + p.Credential
}

// Keyring holds every credential and the hash of its token, as the informers last delivered them. Safe for
// concurrent use. The cost of a lookup does not grow with the number of credentials.
type Keyring struct {
	defaultBudget Budget

	mu          sync.RWMutex
	budgets     map[string]Budget // by namespace, without those that have the default
	credentials map[Principal]*credential
	hashes      map[Principal]TokenHash
	owners      map[TokenHash][]Principal
}

// Budget is how many requests a credential may send.
type Budget struct {
	Rate  float64 // requests a second, in the long run
	Burst int     // requests at once
}

type credential struct {
	use     policy.CredentialUse
	limiter *rate.Limiter
}

func newKeyring(defaultBudget Budget) *Keyring {
	return &Keyring{
		defaultBudget: defaultBudget,
		budgets:       map[string]Budget{},
		credentials:   map[Principal]*credential{},
		hashes:        map[Principal]TokenHash{},
		owners:        map[TokenHash][]Principal{},
	}
}

// SetCredential adds a credential, or replaces its state. The use of its budget is kept.
func (k *Keyring) SetCredential(p Principal, use policy.CredentialUse) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.credentials[p]; ok {
		// A new value, because a lookup may have returned the old one, which is read without the lock.
		k.credentials[p] = &credential{use: use, limiter: known.limiter}
		return
	}
	b := k.budgetOf(p.Namespace)
	k.credentials[p] = &credential{use: use, limiter: rate.NewLimiter(rate.Limit(b.Rate), b.Burst)}
}

func (k *Keyring) budgetOf(namespace string) Budget {
	if b, own := k.budgets[namespace]; own {
		return b
	}
	return k.defaultBudget
}

// SetBudget sets how many requests each credential of a namespace may send from now on; nil sets the default.
func (k *Keyring) SetBudget(namespace string, b *Budget) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.budgets, namespace)
	if b != nil {
		k.budgets[namespace] = *b
	}
	now := k.budgetOf(namespace)
	for p, c := range k.credentials {
		if p.Namespace == namespace && (c.limiter.Limit() != rate.Limit(now.Rate) || c.limiter.Burst() != now.Burst) {
			c.limiter.SetLimit(rate.Limit(now.Rate))
			c.limiter.SetBurst(now.Burst)
		}
	}
}

// DeleteCredential removes a credential. Its Secret, if it still exists, authenticates no request.
func (k *Keyring) DeleteCredential(p Principal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.credentials, p)
}

// SetSecret sets the token hash of a credential. It may be called before SetCredential.
func (k *Keyring) SetSecret(p Principal, hash TokenHash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dropHash(p)
	k.hashes[p] = hash
	k.owners[hash] = append(k.owners[hash], p)
}

// DeleteSecret removes the token hash of a credential, because its Secret was deleted or is invalid.
func (k *Keyring) DeleteSecret(p Principal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dropHash(p)
}

func (k *Keyring) dropHash(p Principal) {
	hash, ok := k.hashes[p]
	if !ok {
		return
	}
	delete(k.hashes, p)
	owners := slices.DeleteFunc(k.owners[hash], func(o Principal) bool { return o == p })
	if len(owners) == 0 {
		delete(k.owners, hash)
		return
	}
	k.owners[hash] = owners
}

// lookup returns the credential with that token hash, and why it is refused; "" if it is usable. If two
// credentials have the hash, it returns neither, because either could be a copy by a thief.
func (k *Keyring) lookup(hash TokenHash, now time.Time) (Principal, *credential, Reason) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var p Principal
	var found *credential
	for _, owner := range k.owners[hash] {
		c, ok := k.credentials[owner]
		switch {
		case ok && found != nil:
			return Principal{}, nil, ReasonConflict
		case ok:
			p, found = owner, c
		}
	}
	if found == nil {
		return Principal{}, nil, ReasonUnknown
	}
	return p, found, refusals[found.use.Refusal(now)]
}

var refusals = map[policy.CredentialRefusal]Reason{
	policy.CredentialAllowed:     "",
	policy.CredentialDisabled:    ReasonDisabled,
	policy.CredentialEnded:       ReasonExpired,
	policy.CredentialWithoutSlot: ReasonQuota,
	policy.CredentialTerminating: ReasonDeleted,
}
