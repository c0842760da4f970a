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

// version returns the entity tag of a resource (RFC 7644 section 3.14): a hash of its attributes and of the
// ids of its members. It is the same on every replica and after a restart. It does not depend on the order of
// members, on derived attributes (a user's groups, the display of a member), or on the time of a write. It is
// "" if the members were omitted, because reading them for the tag alone costs too much.
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

// appendSum appends a sum over the members that does not depend on their order. It adds up hashes, so that
// different sets of similar ids have different sums.
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

// precondition returns the check of If-Match and If-None-Match (RFC 9110 sections 13.1.1 and 13.1.2). Tags are
// compared weakly, because a SCIM version is a weak tag. Because it sees the resource in any case, it also
// records which resource the request is about.
func (req *request) precondition() scim.Precondition {
	wanted, unwanted := req.Header.Values("If-Match"), req.Header.Values("If-None-Match")
	return func(current *scim.Resource) error {
		req.recordResource(current.Attributes)
		if len(wanted)+len(unwanted) == 0 {
			return nil
		}
		v := version(current)
		switch {
		case len(wanted) > 0 && !matchesTag(wanted, v):
			return preconditionFailed("the " + req.rt.Name + " has changed: its version is now " + v + "; read it again")
		case matchesTag(unwanted, v):
			return preconditionFailed("the version of the " + req.rt.Name + " is " + v + ", which If-None-Match excludes")
		}
		return nil
	}
}

func preconditionFailed(detail string) error {
	return &scim.Error{Status: http.StatusPreconditionFailed, Detail: detail}
}

// matchesTag reports whether a version is among the entity tags of a header, or the header is "*".
func matchesTag(tags []string, version string) bool {
	for _, header := range tags {
		for tag := range strings.SplitSeq(header, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || opaqueTag(tag) == opaqueTag(version) {
				return true
			}
		}
	}
	return false
}

func opaqueTag(tag string) string { return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) }
