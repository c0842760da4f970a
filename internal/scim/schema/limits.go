package schema

const (
	// MaxDepth is how deep a body may be nested. Resources need four levels: a bulk request of resources
	// with an extension with a complex attribute needs eight.
	MaxDepth = 32
	// MaxValues is how many values a multi-valued attribute may have, members aside: nobody has more
	// email addresses, and it keeps one user from weighing as much as a directory.
	MaxValues = 100
	// MaxMembers is how many members one request may name.
	MaxMembers = 100_000
	// MaxString is the longest string, in bytes: a certificate or an inline photo.
	MaxString = 64 << 10
)
