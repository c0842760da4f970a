package server

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

const (
	scimJSON  = "application/scim+json" // RFC 7644 section 8.1
	plainJSON = "application/json"
)

// mediaType is that of the answer: SCIM's own, unless the client accepts plain JSON and neither SCIM's
// nor any. Entra ID wants the first, OneLogin the second.
func mediaType(accept []string) string {
	plain := false
	for _, header := range accept {
		for one := range strings.SplitSeq(header, ",") {
			name, _, _ := strings.Cut(one, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case scimJSON, "application/*", "*/*":
				return scimJSON
			case plainJSON:
				plain = true
			}
		}
	}
	if plain {
		return plainJSON
	}
	return scimJSON
}

// readable returns a 415 unless the body is JSON in UTF-8. A client that does not say is taken to send
// it (RFC 7644 section 3.1 has no other).
func readable(h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupportedMedia("Content-Encoding %s is not supported; send the body as it is", coding)
	}
	header := h.Get("Content-Type")
	if header == "" {
		return nil
	}
	name, parameters, err := mime.ParseMediaType(header)
	if err != nil || name != scimJSON && name != plainJSON {
		return unsupportedMedia("Content-Type %s is not supported; send "+scimJSON+" or "+plainJSON, header)
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return unsupportedMedia("charset %s is not supported; send UTF-8", charset)
	}
	return nil
}

func unsupportedMedia(format, sent string) error {
	return &scim.Error{Status: http.StatusUnsupportedMediaType, Detail: fmt.Sprintf(format, quoted(sent))}
}
