package store

import "strings"

// maxSlug is how many bytes of a name go into metadata.name: enough to recognise it in a list.
const maxSlug = 40

// newID returns the metadata.name, and so the SCIM id, of a new object with that userName or displayName: a readable
// slug as a DNS label allows it, or the fallback if nothing is left of the name, and a random suffix.
func newID(name, fallback, suffix string) string {
	slug := slugOf(name)
	if slug == "" {
		slug = fallback
	}
	return slug + "-" + suffix
}

func slugOf(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
		if b.Len() >= maxSlug {
			break
		}
	}
	return strings.TrimRight(b.String()[:min(b.Len(), maxSlug)], "-")
}
