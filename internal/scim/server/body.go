package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// body is the whole body of a request, within its limit. It is never empty.
func (c *call) body() ([]byte, error) {
	if err := readable(c.Header); err != nil {
		return nil, err
	}
	if c.ContentLength > c.maxBody {
		return nil, c.tooLarge()
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, c.maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, c.tooLarge()
	case err != nil:
		return nil, &scim.Error{
			Status: http.StatusBadRequest,
			Type:   scim.InvalidSyntax,
			Detail: "the body ended before it was complete",
			Cause:  err,
		}
	case len(data) == 0:
		return nil, scim.BadRequest(scim.InvalidSyntax, "the request has no body; send JSON")
	}
	return data, nil
}

func (c *call) tooLarge() error {
	return &scim.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the body is larger than %d bytes, the limit at %s", c.maxBody, c.pattern),
	}
}
