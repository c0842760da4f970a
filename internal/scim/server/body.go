package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// body is the whole body of a request, within its limit. It is never empty.
func (c *call) body() ([]byte, error) {
	if err := readable(c.Header); err != nil {
		return nil, err
	}
	if c.ContentLength > c.maxBody {
		return nil, c.tooLarge()
	}
	data, err := c.readAll(http.MaxBytesReader(nil, c.Body, c.maxBody))
	var large *http.MaxBytesError
	var refused *scim.Error
	switch {
	case errors.As(err, &large):
		return nil, c.tooLarge()
	case errors.As(err, &refused):
		return nil, refused
	case err != nil:
		return nil, &scim.Error{
			Status: http.StatusBadRequest,
			Type:   scim.InvalidSyntax,
			Detail: "the body ended before it was complete",
			Cause:  err,
		}
	}
	c.taken = true
	if len(data) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "the request has no body; send JSON")
	}
	return data, nil
}

// readAll reads a body. A large one takes its place before anything of it is read, or, if nobody has said how long
// it is, once it has grown so large.
func (c *call) readAll(body io.Reader) ([]byte, error) {
	var begun []byte
	if c.ContentLength < 0 {
		var err error
		begun, err = io.ReadAll(io.LimitReader(body, limits.SmallBody+1))
		if err != nil || len(begun) <= limits.SmallBody {
			return begun, err
		}
	}
	if begun != nil || c.ContentLength > limits.SmallBody {
		if err := c.visit.grow(c.Context()); err != nil {
			return nil, err
		}
	}
	rest, err := io.ReadAll(body)
	if begun == nil {
		return rest, err
	}
	return append(begun, rest...), err
}

func (c *call) tooLarge() error {
	return &scim.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the body is larger than %d bytes, the limit at %s", c.maxBody, c.pattern),
	}
}
