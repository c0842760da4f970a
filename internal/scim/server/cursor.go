package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// cursor is a position in a list, as a client holds it (RFC 9865): where the last page ended, and of which
// query. Nothing is kept for it here, so it is good on every replica and does not expire; a resource that
// comes or goes meanwhile moves no other to another page.
type cursor struct {
	Query string `json:"q"`
	Key   any    `json:"k,omitempty"`
	Time  int64  `json:"t"` // of creation, in nanoseconds
	ID    string `json:"i"`
}

// follow reads the cursor. An empty one is that of the first page.
func (l *listing) follow(q query) error {
	if l.count == 0 {
		return scim.BadRequest(scim.InvalidCount, "count must be at least 1 with a cursor")
	}
	l.fingerprint = q.fingerprint()
	text := q.Get("cursor")
	if text == "" {
		return nil
	}
	var at cursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	if err != nil || at.ID == "" {
		return scim.BadRequest(scim.InvalidCursor, "cursor is none that this service gave; begin again with an empty one")
	}
	if at.Query != l.fingerprint {
		return scim.BadRequest(scim.InvalidCursor, "cursor is that of another query: repeat filter, sortBy and sortOrder as they were, or begin again with an empty cursor")
	}
	l.after = &scim.Position{Key: at.Key, Created: time.Unix(0, at.Time), ID: at.ID}
	return nil
}

// cursor is the one that leads on behind a position, in the unreserved characters of RFC 3986 alone.
func (l *listing) cursor(p scim.Position) string {
	data, err := json.Marshal(cursor{l.fingerprint, p.Key, p.Created.UnixNano(), p.ID})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// fingerprint tells queries apart that order or select resources differently.
func (q query) fingerprint() string {
	parts, err := json.Marshal([]string{q.Get("filter"), q.Get("sortBy"), q.Get("sortOrder")})
	if err != nil {
		panic(err) // strings always encode
	}
	hash := sha256.Sum256(parts)
	return base64.RawURLEncoding.EncodeToString(hash[:6])
}
