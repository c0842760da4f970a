package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// version is the entity tag of a resource (RFC 7644 section 3.14): a hash of what the resource itself
// holds, its attributes and who its members are. It is the same on every replica and after a restart,
// and does not depend on the order of members, on what is derived (a user's groups, how a member is
// shown), or on when the resource was written. It is "" when the members were left out: they would have
// to be read for nothing else.
func version(r *scim.Resource) string {
	if r.Members == nil && r.Type.Attribute(schema.Members.Name) != nil {
		return ""
	}
	content := newBuffer()
	defer content.free()
	content.text = schema.AppendJSON(content.text, r.Type.Attributes, r.Attributes)
	if r.Members != nil {
		content.text = appendSum(content.text, r)
	}
	hash := sha256.Sum256(content.text)
	content.text = base64.RawURLEncoding.AppendEncode(append(content.text[:0], `W/"`...), hash[:16])
	return string(append(content.text, '"'))
}

// appendSum appends a sum over the members: of hashes, so that no two sets of ids that differ in a
// few letters come to the same, and commutative.
func appendSum(content []byte, r *scim.Resource) []byte {
	var high, low, count uint64
	var id []byte
	for member := range r.Members {
		id = append(id[:0], member.Value...)
		hash := sha256.Sum256(id)
		high += binary.BigEndian.Uint64(hash[:8])
		low += binary.BigEndian.Uint64(hash[8:16])
		count++
	}
	for _, n := range []uint64{high, low, count} {
		content = binary.BigEndian.AppendUint64(content, n)
	}
	return content
}

// precondition is If-Match and If-None-Match (RFC 9110 sections 13.1.1 and 13.1.2), compared weakly since a
// SCIM version is a weak tag. Since it sees the resource in any case, it also records which one the request
// is about.
func (c *call) precondition() scim.Precondition {
	wanted, unwanted := c.Header.Values("If-Match"), c.Header.Values("If-None-Match")
	return func(current *scim.Resource) error {
		c.about(current.Attributes)
		if len(wanted)+len(unwanted) == 0 {
			return nil
		}
		v := version(current)
		switch {
		case len(wanted) > 0 && !named(wanted, v):
			return preconditionFailed("the " + c.rt.Name + " has been changed meanwhile: its version is now " + v + "; read it again")
		case named(unwanted, v):
			return preconditionFailed("the version of the " + c.rt.Name + " is " + v + ", which If-None-Match rules out")
		}
		return nil
	}
}

func preconditionFailed(detail string) error {
	return &scim.Error{Status: http.StatusPreconditionFailed, Detail: detail}
}

// named reports whether a version is among the entity tags of a header, or they are "*".
func named(tags []string, version string) bool {
	for _, header := range tags {
		for tag := range strings.SplitSeq(header, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || opaque(tag) == opaque(version) {
				return true
			}
		}
	}
	return false
}

func opaque(tag string) string { return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) }
