package scim

import "context"

// Request is the client's request that a call of a Store is part of. A Store records it with each object that it writes.
type Request struct {
	ID        string // as in the response's X-Request-Id and in the log
	Subject   string // names the credential
	Operation string // "Create", "Replace", "Modify" or "Delete"
}

type requestKey struct{}

// WithRequest returns a context for the calls of a Store that are part of a request.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns the request that a call is part of, and whether there is one.
func RequestOf(ctx context.Context) (Request, bool) {
	r, known := ctx.Value(requestKey{}).(Request)
	return r, known
}
