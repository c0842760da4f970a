package auth

import (
	"encoding/base64"
	"strings"
)

// maxHeaderBytes bounds an Authorization header before it is parsed: a token as a Basic password, which base64 makes a
// third longer, after a long user name.
const maxHeaderBytes = 2048

// presentedToken returns the token of the Authorization headers, or why they have none. Of two headers one could be
// added on the way, so neither is read (RFC 9110 section 5.3 permits one).
//
// Identity providers send it in three ways: as a bearer token (RFC 6750 section 2.1), as the password of
// HTTP Basic (RFC 7617) with any user name, or without a scheme, if the provider's form asks for the whole
// header and an administrator pasted only the token.
func presentedToken(headers []string) (token string, refused Reason) {
	if len(headers) > 1 {
		return "", ReasonAmbiguous
	}
	header := strings.Join(headers, "")
	if len(header) > maxHeaderBytes {
		return "", ReasonMalformed
	}
	header = strings.Trim(header, " \t")
	if header == "" {
		return "", ReasonMissing
	}
	token = credentials(header)
	if token == "" {
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
