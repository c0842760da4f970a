package server

import (
	"context"
	"errors"
	"time"

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
