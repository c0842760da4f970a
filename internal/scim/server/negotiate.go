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

// mediaType returns the media type of the response: application/scim+json, unless the client accepts
// application/json and neither application/scim+json nor all types. Entra ID requires the first, OneLogin the
// second.
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

// checkMediaType returns a 415 unless the body is JSON in UTF-8. A body without a Content-Type is taken as
// JSON, because RFC 7644 section 3.1 has no other format.
func checkMediaType(h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupportedMedia("Content-Encoding %s is not supported; send the body without it", coding)
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
