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

// Keyring holds every credential, as the informers last delivered them. Safe for concurrent use. The cost of a lookup
// does not grow with the number of credentials.
type Keyring struct {
	defaultBudget Budget
	maxRate       float64

	mu          sync.RWMutex
	budgets     map[string]Budget // by namespace, without those that have the default
	credentials map[Principal]*credential
	owners      map[lookupKey][]Principal
}

// lookupKey is what a token is looked up by. A hash that is copied into another namespace matches no token, because a token
// names its namespace.
type lookupKey struct {
	namespace string
	hash      TokenHash
}

// Budget is how many requests a credential may send.
type Budget struct {
	Rate  float64 // requests a second, in the long run
	Burst int     // requests at once
}

// atMost returns the budget, or its greatest permitted part.
func (b Budget) atMost(rate float64) Budget {
	return Budget{Rate: min(b.Rate, rate), Burst: int(min(float64(b.Burst), rate*burstSeconds))}
}

type credential struct {
	hash    TokenHash
	use     policy.CredentialUse
	limiter *rate.Limiter
}

func newKeyring(defaultBudget Budget, maxRate float64) *Keyring {
	return &Keyring{
		defaultBudget: defaultBudget.atMost(maxRate),
		maxRate:       maxRate,
		budgets:       map[string]Budget{},
		credentials:   map[Principal]*credential{},
		owners:        map[lookupKey][]Principal{},
	}
}

// SetCredential adds a credential, or replaces its state. The use of its budget is kept. The zero hash says that the
// credential has no token.
func (k *Keyring) SetCredential(p Principal, hash TokenHash, use policy.CredentialUse) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// A new value, because a lookup may have returned the old one, which is read without the lock.
	c := &credential{hash: hash, use: use}
	if known, ok := k.credentials[p]; ok {
		c.limiter = known.limiter
		k.dropOwner(p, known.hash)
	} else {
		b := k.budgetOf(p.Namespace)
		c.limiter = rate.NewLimiter(rate.Limit(b.Rate), b.Burst)
	}
	k.credentials[p] = c
	if !hash.IsZero() {
		key := lookupKey{p.Namespace, hash}
		k.owners[key] = append(k.owners[key], p)
	}
}

func (k *Keyring) budgetOf(namespace string) Budget {
	if b, own := k.budgets[namespace]; own {
		return b
	}
	return k.defaultBudget
}

// SetBudget sets how many requests each credential of a namespace may send from now on; nil sets the default. A budget
// beyond the maximum counts as the maximum.
func (k *Keyring) SetBudget(namespace string, b *Budget) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.budgets, namespace)
	if b != nil {
		k.budgets[namespace] = b.atMost(k.maxRate)
	}
	now := k.budgetOf(namespace)
	for p, c := range k.credentials {
		if p.Namespace == namespace && (c.limiter.Limit() != rate.Limit(now.Rate) || c.limiter.Burst() != now.Burst) {
			c.limiter.SetLimit(rate.Limit(now.Rate))
			c.limiter.SetBurst(now.Burst)
		}
	}
}

// DeleteCredential removes a credential.
func (k *Keyring) DeleteCredential(p Principal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.credentials[p]; ok {
		k.dropOwner(p, known.hash)
		delete(k.credentials, p)
	}
}

func (k *Keyring) dropOwner(p Principal, hash TokenHash) {
	key := lookupKey{p.Namespace, hash}
	owners := slices.DeleteFunc(k.owners[key], func(o Principal) bool { return o == p })
	if len(owners) == 0 {
		delete(k.owners, key)
		return
	}
	k.owners[key] = owners
}

// lookup returns the credential of a namespace with that token hash, and why it is refused; "" if it is usable. If two
// credentials have the hash, it returns neither, because either could be a copy by a thief.
//
// The lookup compares hashes, never tokens, so the time that it takes says nothing about a token.
func (k *Keyring) lookup(namespace string, hash TokenHash, now time.Time) (Principal, *credential, Reason) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	owners := k.owners[lookupKey{namespace, hash}]
	switch len(owners) {
	case 0:
		return Principal{}, nil, ReasonUnknown
	case 1:
		found := k.credentials[owners[0]]
		return owners[0], found, Reason(found.use.Refusal(now))
	}
	return Principal{}, nil, ReasonConflict
}
