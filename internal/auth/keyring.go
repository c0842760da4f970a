package auth

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Principal is who a request comes from.
type Principal struct {
	// Namespace is the directory.
	Namespace string
	// Credential is the name of the SCIMCredential.
	Credential string
}

// IsZero says that nobody is known.
func (p Principal) IsZero() bool { return p == Principal{} }

// String returns namespace/name, as Kubernetes writes it.
func (p Principal) String() string {
	if p.IsZero() {
		return ""
	}
	return p.Namespace + "/" + p.Credential
}

// Keyring knows every credential and the hash of its token, as the informers last told. Safe for
// concurrent use; a lookup costs the same at any number of credentials.
type Keyring struct {
	usual Budget

	mu          sync.RWMutex
	budgets     map[string]Budget // of namespaces that have one of their own
	credentials map[Principal]*credential
	hashes      map[Principal]TokenHash
	owners      map[TokenHash][]Principal
}

// Budget is how often a credential may ask.
type Budget struct {
	Rate  float64 // requests a second, in the long run
	Burst int     // requests at once
}

type credential struct {
	use     policy.CredentialUse
	limiter *rate.Limiter
}

func newKeyring(usual Budget) *Keyring {
	return &Keyring{
		usual:       usual,
		budgets:     map[string]Budget{},
		credentials: map[Principal]*credential{},
		hashes:      map[Principal]TokenHash{},
		owners:      map[TokenHash][]Principal{},
	}
}

// SetCredential records a credential as it now is.
func (k *Keyring) SetCredential(p Principal, use policy.CredentialUse) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.credentials[p]; ok {
		// A new one, so that lookups under way are not raced; the budget goes on.
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
	return k.usual
}

// SetBudget is how often each credential of a namespace may ask from now on; nil is as usual.
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

// DeleteCredential forgets a credential. Its Secret, if still there, authenticates nobody.
func (k *Keyring) DeleteCredential(p Principal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.credentials, p)
}

// SetSecret records what the Secret of a credential hashes to. It may come before the credential.
func (k *Keyring) SetSecret(p Principal, hash TokenHash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dropHash(p)
	k.hashes[p] = hash
	k.owners[hash] = append(k.owners[hash], p)
}

// DeleteSecret forgets the hash of a credential's token: the Secret is gone, or is not in order.
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

// lookup returns the one credential whose token hashes to hash, and why it may not be used, if it may
// not. A hash that two credentials have is nobody's: either might be the thief's.
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
