package httpserver

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// withClientAddress returns a handler that sees the client's address in RemoteAddr if a trusted proxy has sent the request.
func withClientAddress(handler http.Handler, trusted []netip.Prefix) http.Handler {
	if len(trusted) == 0 {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if address := clientAddress(r.RemoteAddr, r.Header["X-Forwarded-For"], trusted); address != r.RemoteAddr {
			changed := *r
			changed.RemoteAddr = address
			r = &changed
		}
		handler.ServeHTTP(w, r)
	})
}

// clientAddress returns the client's address: that of the peer, unless the peer is a trusted proxy. Each proxy appends the
// address that its request came from, so the client is the rightmost address that is not a trusted proxy's. Addresses to the
// left of it are not read, because the client may have sent them. If every address is a trusted proxy's, the client is the
// leftmost one. If an address is malformed, or the header is absent, the result is the peer.
func clientAddress(peer string, forwarded []string, trusted []netip.Prefix) string {
	from, err := netip.ParseAddrPort(peer)
	if err != nil || !isIn(trusted, from.Addr()) {
		return peer
	}
	client := peer
	for _, header := range slices.Backward(forwarded) {
		for more := true; more; {
			var last string
			header, last, more = cutLast(header)
			address, ok := forwardedAddress(last)
			if !ok {
				return peer
			}
			if client = address.String(); !isIn(trusted, address) {
				return client
			}
		}
	}
	return client // every address is a trusted proxy's: the first proxy is the client
}

// cutLast cuts the last element of a list, and reports whether there are more.
func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// forwardedAddress parses an element of X-Forwarded-For: an address, with a port as some proxies append it, or without.
func forwardedAddress(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), err == nil
}

func isIn(networks []netip.Prefix, address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}
