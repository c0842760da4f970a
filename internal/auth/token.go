package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// A token is cssoscim_NAMESPACE_RANDOM_CHECKSUM: its directory's namespace, 256 random bits in base62, and the CRC-32 of
// everything before the last underscore in base62. No part contains an underscore. The prefix and the checksum let a
// secret scanner recognize a token without asking the operator, as with GitHub's tokens
// (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/).
const (
	// TokenPrefix begins every token.
	TokenPrefix = "cssoscim" + separator
	// MaxTokenBytes is the length of the longest token.
	MaxTokenBytes = len(TokenPrefix) + validation.DNS1123LabelMaxLength + len(separator) + randomDigits + len(separator) + checksumDigits

	separator = "_"
	// randomBytes is how many random bytes a token has; randomDigits is how many base62 digits hold them.
	randomBytes  = 32
	randomDigits = 43
	// checksumDigits is how many base62 digits hold a CRC-32.
	checksumDigits = 6
)

// NewToken returns a new token for the directory of a namespace. random must be a cryptographic source.
func NewToken(random io.Reader, namespace string) (string, error) {
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return "", fmt.Errorf("%q is no name of a namespace: %s", namespace, problems[0])
	}
	var bits [randomBytes]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return "", fmt.Errorf("reading %d random bytes for a token: %w", randomBytes, err)
	}
	body := TokenPrefix + namespace + separator + base62(new(big.Int).SetBytes(bits[:]), randomDigits)
	return body + separator + checksum(body), nil
}

// ParseToken returns the namespace that a token names, and whether text has the form of a token with the right checksum.
// It does not check that the name can be a namespace's: no credential is found in one that cannot.
func ParseToken(text string) (namespace string, ok bool) {
	if len(text) > MaxTokenBytes {
		return "", false
	}
	rest, ok := strings.CutPrefix(text, TokenPrefix)
	if !ok {
		return "", false
	}
	parts := strings.Split(rest, separator)
	if len(parts) != 3 || !isBase62(parts[1], randomDigits) || parts[2] != checksum(strings.TrimSuffix(text, separator+parts[2])) {
		return "", false
	}
	return parts[0], true
}

// checksum writes its digits itself, because it is computed for each request and a big.Int takes six times as long.
func checksum(body string) string {
	var digits [checksumDigits]byte
	rest := crc32.ChecksumIEEE([]byte(body))
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i], rest = base62Digits[rest%62], rest/62
	}
	return string(digits[:])
}

// base62Digits are the digits of big.Int.Text.
const base62Digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func base62(n *big.Int, digits int) string {
	text := n.Text(62)
	return strings.Repeat("0", digits-len(text)) + text
}

func isBase62(text string, digits int) bool {
	return len(text) == digits && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// TokenHash is the SHA-256 of a token. The zero value is no token's.
type TokenHash [sha256.Size]byte

const (
	hashPrefix        = "sha256:"
	fingerprintDigits = 8
)

// HashToken hashes a token. A fast hash is enough, because the 256 random bits of a token cannot be guessed.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// ParseTokenHash returns the hash of a spec.tokenHash; the zero value if text is none.
func ParseTokenHash(text string) TokenHash {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != sha256.Size {
		return TokenHash{}
	}
	return TokenHash(raw)
}

// IsZero reports whether h is no token's hash.
func (h TokenHash) IsZero() bool { return h == TokenHash{} }

// String returns the hash as spec.tokenHash has it.
func (h TokenHash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// Fingerprint returns the first eight hex digits of the hash.
func (h TokenHash) Fingerprint() string { return hex.EncodeToString(h[:])[:fingerprintDigits] }

// tokenLike matches a token, or the beginning of one: values are cut before they are logged.
var tokenLike = regexp.MustCompile("(?i)" + TokenPrefix + "[0-9a-z_-]+")

// Redact replaces the tokens in a text. A client can send a token in every part of a request: as an id, in a path, as a
// method. So the log, Events, and what a status quotes of a request are redacted. An attribute is stored as the client sent
// it, and conditions quote userNames and displayNames as stored.
func Redact(text string) string {
	if !strings.Contains(strings.ToLower(text), TokenPrefix) { // as in most texts, and five times faster
		return text
	}
	return tokenLike.ReplaceAllLiteralString(text, TokenPrefix+"[redacted]")
}
