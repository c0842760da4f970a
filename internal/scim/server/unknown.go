package server

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// reasonUnknown is the reason for which most attributes are ignored.
const reasonUnknown = "no schema has it"

// unknown remembers which ignored attributes and extensions of each directory have been logged. RFC 7644 section 3.3
// permits to ignore them. An administrator who misses one finds its name in the log, once and not for every request.
type unknown struct {
	mu   sync.Mutex
	seen map[string]map[string]bool // names by directory
}

// addNew adds a name and reports whether it was not there before. It adds at most limits.UnknownAttributes for each
// directory, so that the names of one tenant do not keep those of another out of the log. It forgets all of them
// before it remembers those of more than limits.UnknownDirectories.
func (u *unknown) addNew(directory, name string) bool {
	name = strings.ToLower(name)
	u.mu.Lock()
	defer u.mu.Unlock()
	names := u.seen[directory]
	if names[name] || len(names) >= limits.UnknownAttributes {
		return false
	}
	if names == nil {
		names = map[string]bool{}
		if u.seen == nil || len(u.seen) >= limits.UnknownDirectories {
			u.seen = map[string]map[string]bool{}
		}
		u.seen[directory] = names
	}
	names[name] = true
	return true
}

// logIgnored logs the attributes of a request that are ignored for a reason.
func (s *server) logIgnored(req *request, reason string, names []string) {
	for _, name := range names {
		if schema.NamesPassword(name) { // it is always ignored, and its value may follow it
			continue
		}
		name = shortened(schema.RepeatableName(name), limits.Quoted)
		if s.unknown.addNew(req.session.Directory, name) {
			s.Logger.LogAttrs(req.Context(), slog.LevelInfo, "attribute ignored; logged once for each name", append(req.ids(),
				slog.String("attribute", name), slog.String("reason", reason),
				slog.String("route", req.pattern), slog.String("subject", req.record.Subject))...)
		}
	}
}
