package auth

import (
	"encoding/base64"
	"strings"
)

const (
	// MaxTokenBytes bounds a token, in a request and in a Secret: several times the length of a signed JWT,
	// and short enough to hash for every request.
	MaxTokenBytes = 4096
	// maxHeaderBytes bounds an Authorization header before it is parsed: the longest token as a Basic
	// password, which base64 makes a third longer, and room for a user name.
	maxHeaderBytes = 2 * MaxTokenBytes
)

// presentedToken returns the token of an Authorization header, or why the header has none.
//
// Identity providers send it in three ways: as a bearer token (RFC 6750 section 2.1), as the password of
// HTTP Basic (RFC 7617) with any user name, or without a scheme, if the provider's form asks for the whole
// header and an administrator pasted only the token.
func presentedToken(header string) (token string, refused Reason) {
	if len(header) > maxHeaderBytes {
		return "", ReasonMalformed
	}
	header = strings.Trim(header, " \t")
	if header == "" {
		return "", ReasonMissing
	}
	token = credentials(header)
	if token == "" || len(token) > MaxTokenBytes || strings.ContainsAny(token, " \t") {
		return "", ReasonMalformed
	}
	return token, ""
}

// credentials returns the token of a header by its scheme (RFC 9110 section 11.4), which is case-insensitive;
// "" if the header has none.
func credentials(header string) string {
	scheme, rest := header, ""
	if end := strings.IndexAny(header, " \t"); end >= 0 {
		scheme, rest = header[:end], strings.Trim(header[end:], " \t")
	}
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return rest
	case strings.EqualFold(scheme, "Basic"):
		return password(rest)
	case rest == "":
		return scheme
	}
	return ""
}

// password returns the password of Basic credentials, which follows the first colon.
func password(encoded string) string {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	_, password, _ := strings.Cut(string(decoded), ":")
	return password
}
