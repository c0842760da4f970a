package memstore_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	"github.com/cloudsso/cloudsso-operator/internal/scim/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) scim.Store { return memstore.New(clock(), newID()) })
}

// clock returns a clock that advances with each reading.
func clock() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(ticks.Add(1)) * time.Millisecond)
	}
}

// newID returns a generator of ids whose order is the reverse of the order of creation.
func newID() func() string {
	var n atomic.Int64
	return func() string { return "r-" + strconv.FormatInt(100_000-n.Add(1), 10) }
}
