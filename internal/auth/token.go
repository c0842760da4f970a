package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"strings"
)

const (
	// TokenPrefix begins every minted token, so that secret scanners recognize it:
	// cssoscim_[0-9A-Za-z]{49}.
	TokenPrefix = "cssoscim_"
	// MinTokenBytes is the minimum length of an external token: 32 bytes hold 128 bits even in hex.
	MinTokenBytes = 32

	// tokenBytes is how many random bytes a token has: 256 bits.
	tokenBytes = 32
	// tokenDigits is how many base62 digits hold tokenBytes, checksumDigits how many hold a CRC-32.
	tokenDigits    = 43
	checksumDigits = 6
)

// TokenHash is the SHA-256 of a token.
type TokenHash [sha256.Size]byte

// String returns the hash in lower-case hex, as the Secret holds it.
func (h TokenHash) String() string { return hex.EncodeToString(h[:]) }

// HashToken hashes a token. A fast hash is enough, because the 256 random bits of a minted token cannot be guessed.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// NewToken mints a token from random, which must be a cryptographic source. The token is the prefix, 256 bits in
// base62, and a CRC-32 of both in base62. A scanner needs only the checksum to tell a token from a similar string,
// as with GitHub's tokens (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/).
func NewToken(random io.Reader) (string, error) {
	var secret [tokenBytes]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", fmt.Errorf("reading %d random bytes for a token: %w", tokenBytes, err)
	}
	body := TokenPrefix + base62(new(big.Int).SetBytes(secret[:]), tokenDigits)
	return body + checksum(body), nil
}

// Minted reports whether token has the form of a minted token, and a correct checksum.
func Minted(token string) bool {
	body, sum := token[:max(0, len(token)-checksumDigits)], token[max(0, len(token)-checksumDigits):]
	return strings.HasPrefix(body, TokenPrefix) && sum == checksum(body)
}

func checksum(body string) string {
	return base62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))), checksumDigits)
}

func base62(n *big.Int, digits int) string {
	text := n.Text(62)
	return strings.Repeat("0", digits-len(text)) + text
}

// checkToken returns an error if an external token is too short, too long or has characters that a header cannot
// carry.
func checkToken(token string) error {
	switch {
	case len(token) < MinTokenBytes:
		return fmt.Errorf("the token has %d bytes; at least %d are needed, e.g. from \"openssl rand -base64 32\"", len(token), MinTokenBytes)
	case len(token) > MaxTokenBytes:
		return fmt.Errorf("the token has %d bytes; at most %d are accepted", len(token), MaxTokenBytes)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the token has spaces, line breaks or other characters that an Authorization header cannot carry")
	}
	return nil
}
