package server

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/patch"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// A directory has one place for work that costs as much as a scan: scim.Store.AcquireScan.

// scanTimeout is how long a request waits for the place: as long as a list with a filter does.
const scanTimeout = 10 * time.Second

// acquireScan waits for the place, and returns a 429 after scanTimeout.
func (req *request) acquireScan() (release func(), err error) {
	ctx, cancel := context.WithTimeout(req.Context(), scanTimeout)
	defer cancel()
	return req.session.Store.AcquireScan(ctx)
}

// apply applies a patch. It needs the place only if the filters in the paths are costly, so that a deactivation never waits
// for a scan.
func (req *request) apply(p *patch.Patch, current schema.Object) (schema.Object, error) {
	next, err := p.ApplyCheaply(req.Context(), current)
	if !errors.Is(err, patch.ErrCostly) {
		return next, err
	}
	release, err := req.acquireScan()
	if err != nil {
		return nil, err
	}
	defer release()
	return p.Apply(req.Context(), current)
}

// update calls Update of the store. A precondition on a group with many members needs the place, because the version that it
// compares is made of all of them.
func (req *request) update(ctx context.Context, change scim.Change) (*scim.Resource, error) {
	isHeld := slices.ContainsFunc(change.Members, func(c scim.MemberChange) bool { return c.Match != nil }) // by Update itself
	if !isHeld && req.isCostlyPrecondition() {
		release, err := req.acquireScan()
		if err != nil {
			return nil, err
		}
		defer release()
	}
	r, err := req.session.Store.Update(ctx, req.rt, req.id(), change)
	return r, req.recordDeactivation(err)
}

// delete calls Delete of the store, as update does Update.
func (req *request) delete(ctx context.Context) (*scim.Resource, error) {
	if req.isCostlyPrecondition() {
		release, err := req.acquireScan()
		if err != nil {
			return nil, err
		}
		defer release()
	}
	return req.session.Store.Delete(ctx, req.rt, req.id(), req.precondition())
}

// isCostlyPrecondition reports whether the request asks for a version of a group with many members. An error is left to the
// store's next call.
func (req *request) isCostlyPrecondition() bool {
	if req.rt != schema.Group || len(req.Header.Values("If-Match"))+len(req.Header.Values("If-None-Match")) == 0 {
		return false
	}
	r, err := req.session.Store.Get(req.Context(), req.rt, req.id(), scim.Omit{Attributes: true})
	return err == nil && hasManyMembers(r)
}

// readResource returns the representation of a resource that the request has read. That of a group with many members needs
// the place, because its version is made of all of them.
func (s *server) readResource(req *request, r *scim.Resource) (representation, error) {
	if !hasManyMembers(r) {
		return s.represent(r), nil
	}
	release, err := req.acquireScan()
	if err != nil {
		return representation{}, err
	}
	defer release()
	return s.represent(r), nil
}

// changedResource is readResource for a resource that the request has changed. What is stored is not refused any more, so
// that it waits for as long as it takes.
func (s *server) changedResource(req *request, r *scim.Resource) (representation, error) {
	if !hasManyMembers(r) {
		return s.represent(r), nil
	}
	release, err := req.session.Store.AcquireScan(context.WithoutCancel(req.Context()))
	if err != nil {
		return representation{}, err
	}
	defer release()
	return s.represent(r), nil
}

// inScan returns the parts of a response, each of which is produced while the request holds the place. It does not hold it
// while a part is written, because the client may read slowly.
func (req *request) inScan(parts iter.Seq[[]byte]) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		place := scanPlace{req: req}
		defer place.release()
		place.acquire()
		for part := range parts {
			place.release()
			if !yield(part) {
				return
			}
			place.acquire()
		}
	}
}

// scanPlace is the place, as one request holds it from time to time.
type scanPlace struct {
	req *request
	end func() // nil while the request does not hold it
}

// acquire waits for the place. It cuts the response off if the client has hung up.
func (p *scanPlace) acquire() {
	end, err := p.req.session.Store.AcquireScan(p.req.Context())
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.end = end
}

func (p *scanPlace) release() {
	if p.end != nil {
		p.end()
		p.end = nil
	}
}
