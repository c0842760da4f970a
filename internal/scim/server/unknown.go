package server

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// unknown remembers which unknown extension schemas have been logged. Their attributes are ignored (RFC 7644
// section 3.3). An administrator who misses one finds its URN in the log, once and not for every request.
type unknown struct {
	mu   sync.Mutex
	seen map[string]bool
}

// addNew adds a name and reports whether it is a URN that was not there before. It adds at most
// limits.UnknownExtensions.
func (u *unknown) addNew(name string) bool {
	name = strings.ToLower(shortened(name, limits.Quoted))
	if !strings.HasPrefix(name, "urn:") {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen[name] || len(u.seen) >= limits.UnknownExtensions {
		return false
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[name] = true
	return true
}

// logUnknown logs the attributes of a request that no schema has.
func (s *server) logUnknown(req *request, names []string) {
	for _, name := range names {
		if s.unknown.addNew(name) {
			s.Logger.LogAttrs(req.Context(), slog.LevelInfo, "attribute ignored: no schema with this URN is known; logged once for each URN",
				slog.String("urn", shortened(name, limits.Quoted)), slog.String("requestID", req.record.RequestID),
				slog.String("route", req.pattern), slog.String("subject", req.record.Subject))
		}
	}
}
