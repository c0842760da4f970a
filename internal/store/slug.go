package store

import "strings"

// maxSlug is how much of a name goes into metadata.name: enough to recognise it in a list.
const maxSlug = 40

// generateName is the metadata.generateName of an object with that userName or displayName: a readable
// slug, as a DNS label allows it, or the prefix when nothing is left of the name.
func generateName(name, prefix string) string {
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
	slug := b.String()
	if slug == "" {
		return prefix
	}
	return slug[:min(len(slug), maxSlug)] + "-"
}
