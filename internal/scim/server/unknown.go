package server

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// reasonUnknown is the reason for which most attributes are ignored.
const reasonUnknown = "no schema has it"

// unknown remembers which unknown attributes and extensions have been logged. They are ignored (RFC 7644 section
// 3.3). An administrator who misses one finds its name in the log, once and not for every request.
type unknown struct {
	mu   sync.Mutex
	seen map[string]bool
}

// addNew adds a name and reports whether it was not there before. It adds at most limits.UnknownAttributes.
func (u *unknown) addNew(name string) bool {
	name = strings.ToLower(name)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen[name] || len(u.seen) >= limits.UnknownAttributes {
		return false
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[name] = true
	return true
}

// logIgnored logs the attributes of a request that are ignored for a reason.
func (s *server) logIgnored(req *request, reason string, names []string) {
	for _, name := range names {
		name = shortened(name, limits.Quoted)
		if s.unknown.addNew(name) {
			s.Logger.LogAttrs(req.Context(), slog.LevelInfo, "attribute ignored; logged once for each name",
				slog.String("attribute", name), slog.String("reason", reason),
				slog.String("requestID", req.record.RequestID),
				slog.String("route", req.pattern), slog.String("subject", req.record.Subject))
		}
	}
}
