package schema

import (
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
)

// notAName stands for a text in the place of a name that no attribute can have. It may be a password, so it is not repeated.
const notAName = "(not a name)"

// QuoteName quotes the name of an attribute, or a path, for a message.
func QuoteName(name string) string { return quoted(RepeatableName(name)) }

// RepeatableName returns the name of an attribute, or a path, as a message or a log may repeat it: nothing of what follows the
// attribute password, and nothing of a text that cannot be a name.
func RepeatableName(name string) string {
	switch attribute, _, _ := strings.Cut(name, "["); {
	case NamesPassword(name):
		return Password.Name
	case !isName(strings.TrimSpace(attribute)):
		return notAName
	}
	return name
}

// NamesPassword reports whether a path, or the name of an attribute, begins with the attribute password. Clients put
// passwords into paths.
func NamesPassword(path string) bool {
	path = strings.TrimSpace(path)
	if rest, ok := dialect.CutURN(path, UserSchema.ID); ok {
		path = rest
	}
	end := strings.IndexFunc(path, func(r rune) bool { return !isNameChar(r) })
	if end < 0 {
		end = len(path)
	}
	return strings.EqualFold(path[:end], Password.Name)
}

// isName reports whether a text can be the name of an attribute (RFC 7643 section 2.1), or a path of such names, with or
// without a URN before it.
func isName(text string) bool {
	if scheme, urn, ok := strings.Cut(text, ":"); ok && strings.EqualFold(scheme, "urn") {
		return isURN(urn)
	}
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !isNameChar(r) }) {
			return false
		}
	}
	return true
}

// isURN reports whether a text is the rest of a URN after "urn:": an identifier of a namespace, which has two characters at
// least (RFC 8141 section 2), and more parts.
func isURN(text string) bool {
	namespace, rest, ok := strings.Cut(text, ":")
	return ok && len(namespace) >= 2 && rest != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !isNameChar(r) && !strings.ContainsRune(":./", r)
	})
}

// isNameChar reports whether a character can be part of a name: nameChar of RFC 7643 section 2.1.
func isNameChar(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("$-_", r)
}
