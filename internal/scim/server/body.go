package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// body reads the whole body of a request, up to its limit. The result is not empty.
func (req *request) body() ([]byte, error) {
	if err := checkMediaType(req.Header); err != nil {
		return nil, err
	}
	if req.ContentLength > req.maxBody {
		return nil, req.bodyTooLarge()
	}
	data, err := req.readAll(http.MaxBytesReader(nil, req.Body, req.maxBody))
	var large *http.MaxBytesError
	var refused *scim.Error
	switch {
	case errors.As(err, &large):
		return nil, req.bodyTooLarge()
	case errors.As(err, &refused):
		return nil, refused
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, req.limits.slowBody(err)
	case err != nil:
		return nil, &scim.Error{
			Status: http.StatusBadRequest,
			Type:   scim.InvalidSyntax,
			Detail: "the body ended before it was complete",
			Cause:  err,
		}
	}
	req.bodyRead = true
	if len(data) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "the request has no body; send JSON")
	}
	return data, nil
}

// readAll reads a body. A large body first waits for its share of limits.LargeBodies. If the client did not
// announce the length, the wait begins once limits.SmallBody has been read.
func (req *request) readAll(body io.Reader) ([]byte, error) {
	var begun []byte
	if req.ContentLength < 0 {
		var err error
		begun, err = io.ReadAll(io.LimitReader(body, limits.SmallBody+1))
		if err != nil || len(begun) <= limits.SmallBody {
			return begun, err
		}
	}
	if begun != nil || req.ContentLength > limits.SmallBody {
		if err := req.slot.acquireLargeBody(req.Context()); err != nil {
			return nil, err
		}
	}
	rest, err := io.ReadAll(body)
	if begun == nil {
		return rest, err
	}
	return append(begun, rest...), err
}

func (req *request) bodyTooLarge() error {
	return &scim.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the body is larger than %d bytes, the limit at %s", req.maxBody, req.pattern),
	}
}
