package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// cursor is the position in a list that a client holds (RFC 9865): the end of the last page, and the query
// that it belongs to. The service stores nothing for it. It is valid on every replica and does not expire. A
// resource that is created or deleted between two pages does not move another resource to a different page.
type cursor struct {
	Query string `json:"q"`
	Key   any    `json:"k,omitempty"`
	Time  int64  `json:"t"` // of creation, in nanoseconds
	ID    string `json:"i"`
}

// readCursor reads the parameter cursor. An empty cursor asks for the first page.
func (l *listing) readCursor(q query) error {
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
		return scim.BadRequest(scim.InvalidCursor, "the cursor is not one of this service; begin again with an empty cursor")
	}
	if at.Query != l.fingerprint {
		return scim.BadRequest(scim.InvalidCursor, "the cursor belongs to another query; send the same filter, sortBy and sortOrder, or begin again with an empty cursor")
	}
	l.after = &scim.Position{Key: at.Key, Created: time.Unix(0, at.Time), ID: at.ID}
	return nil
}

// cursor returns the cursor of the page after a position. It has only the unreserved characters of RFC 3986.
func (l *listing) cursor(p scim.Position) string {
	data, err := json.Marshal(cursor{l.fingerprint, p.Key, p.Created.UnixNano(), p.ID})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// fingerprint identifies the filter and the order of a query.
func (q query) fingerprint() string {
	parts, err := json.Marshal([]string{q.Get("filter"), q.Get("sortBy"), q.Get("sortOrder")})
	if err != nil {
		panic(err) // strings always encode
	}
	hash := sha256.Sum256(parts)
	return base64.RawURLEncoding.EncodeToString(hash[:6])
}
