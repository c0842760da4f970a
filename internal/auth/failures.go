package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

const (
	// FailureBurst is how many failed attempts an address has before it is told to wait: a person who
	// tries tokens in a provider's form stays below it.
	FailureBurst = 20
	// FailuresPerMinute is how many it has after that.
	FailuresPerMinute = 10
	// MaxFailingAddresses bounds the memory spent on addresses that fail, about 2 MB. Beyond it the one
	// that has been quiet longest is forgotten.
	MaxFailingAddresses = 10_000
	// addressBitsV6 of an IPv6 address make a remote: one host has a /64 to choose from.
	addressBitsV6 = 64
)

// failures counts failed attempts per remote address.
type failures struct {
	mu     sync.Mutex // one attempt after the other: a new address gets one limiter
	byAddr *lru.Cache // netip.Prefix → *rate.Limiter
}

func newFailures() *failures { return &failures{byAddr: lru.New(MaxFailingAddresses)} }

// record counts a failure and returns how long the remote is to wait; zero while it may try on.
func (f *failures) record(remote string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return wait(f.limiter(remoteOf(remote)), now)
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

// wait takes one from the limiter, or returns how long it is until there is one again.
func wait(l *rate.Limiter, now time.Time) time.Duration {
	if l.AllowN(now, 1) {
		return 0 // as usual
	}
	r := l.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

// remoteOf returns the network that a remote address, with or without a port, counts as. All that are
// no address at all count as one.
func remoteOf(remote string) netip.Prefix {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		withPort, _ := netip.ParseAddrPort(remote)
		addr = withPort.Addr()
	}
	addr = addr.WithZone("").Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = addressBitsV6
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}
