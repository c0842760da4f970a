package server

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// unknown remembers which extension schemas, of those that nobody declared here, have been told of. Their
// attributes are ignored, as RFC 7644 section 3.3 allows; an administrator who misses one finds it in the
// log, once, and not in every request's line.
type unknown struct {
	mu   sync.Mutex
	told map[string]bool
}

// first reports whether a name is a URN that was not told of before. No more than limits.UnknownExtensions are.
func (u *unknown) first(name string) bool {
	name = strings.ToLower(shortened(name, limits.Quoted))
	if !strings.HasPrefix(name, "urn:") {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.told[name] || len(u.told) >= limits.UnknownExtensions {
		return false
	}
	if u.told == nil {
		u.told = map[string]bool{}
	}
	u.told[name] = true
	return true
}

// ignored tells of what a request had that no schema knows.
func (s *server) ignored(c *call, names []string) {
	for _, name := range names {
		if s.unknown.first(name) {
			s.Logger.LogAttrs(c.Context(), slog.LevelInfo, "ignored: no schema with this URN is known; this is said once",
				slog.String("urn", shortened(name, limits.Quoted)), slog.String("requestID", c.record.RequestID),
				slog.String("route", c.pattern), slog.String("subject", c.record.Subject))
		}
	}
}
