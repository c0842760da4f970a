package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

const (
	// FailureBurst is how many attempts of an address may fail before it must wait. A person who tries tokens
	// in a provider's form stays below it.
	FailureBurst = 20
	// FailuresPerMinute is how many attempts of an address may fail a minute after that.
	FailuresPerMinute = 10
	// MaxFailingAddresses bounds the memory for failing addresses to about 2 MB. Beyond it the address whose
	// last failure is oldest is forgotten.
	MaxFailingAddresses = 10_000
	// addressBitsV6 is how many bits of an IPv6 address are counted together, because one host has a whole /64.
	addressBitsV6 = 64
)

// failures counts failed attempts by remote address.
type failures struct {
	mu     sync.Mutex // gives a new address one limiter only
	byAddr *lru.Cache // netip.Prefix → *rate.Limiter
}

func newFailures() *failures { return &failures{byAddr: lru.New(MaxFailingAddresses)} }

// record counts a failure and returns how long the remote must wait; zero if it may try again at once.
func (f *failures) record(remote string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return delayOf(f.limiter(remoteOf(remote)), now)
}

func (f *failures) limiter(addr netip.Prefix) *rate.Limiter {
	known, _ := f.byAddr.Get(addr)
	if l, ok := known.(*rate.Limiter); ok {
		return l
	}
	l := rate.NewLimiter(rate.Every(time.Minute/FailuresPerMinute), FailureBurst)
	f.byAddr.Add(addr, l)
	return l
}

// delayOf uses one token of the limiter and returns zero. If the limiter has none, it returns how long the next
// token takes.
func delayOf(l *rate.Limiter, now time.Time) time.Duration {
	if l.AllowN(now, 1) {
		return 0
	}
	r := l.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

// remoteOf returns the network that a remote address is counted with. The address may have a port. All invalid
// addresses are counted together.
func remoteOf(remote string) netip.Prefix {
	addr := addressOf(remote)
	bits := addr.BitLen()
	if addr.Is6() {
		bits = addressBitsV6
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}

// addressOf returns a remote address without its port, if it has one; the zero address if it is invalid.
func addressOf(remote string) netip.Addr {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		withPort, _ := netip.ParseAddrPort(remote)
		addr = withPort.Addr()
	}
	return addr.WithZone("").Unmap()
}
