package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// restInterval is how often it is looked whether the operator is at rest, and restAfter how long it has to have been:
	// between two bursts of requests it keeps its memory, for getting it back from the system costs more than a read.
	restInterval, restAfter = 2 * time.Second, 20 * time.Second
	// restAllocation is what it allocates at most in an interval, in bytes, when it is: some requests, no import.
	restAllocation = 8 << 20
	// leastTurnover is what it has to have allocated, in bytes, for a collection to be worth it.
	leastTurnover = 32 << 20
)

// rester gives memory back to the system once the operator is at rest. To read a hundred thousand users at the start
// takes several times the room that they need afterwards, and Go would keep as much again as is alive.
type rester struct{ interval, after time.Duration }

// NeedLeaderElection is part of manager.LeaderElectionRunnable.
func (rester) NeedLeaderElection() bool { return false }

// Start is part of manager.Runnable.
func (r rester) Start(ctx context.Context) error {
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	var last, returned uint64 // allocated by then
	var rest time.Duration
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		allocated, held := readHeap()
		if rest += r.interval; allocated-last > restAllocation {
			rest = 0
		}
		// A quarter is as often as costs little: Go by itself collects when all of it has been allocated anew.
		if rest >= r.after && allocated-returned > max(leastTurnover, held/4) {
			debug.FreeOSMemory()
			returned = allocated
		}
		last = allocated
	}
}

// gcPercent is how much is allocated until the next collection, in percent of what is alive: twice Go's default, for with
// a hundred thousand users alive a collection is what a read costs most. At rest it is given back, and GOMEMLIMIT bounds it.
const gcPercent = 200

// collectSeldom sets it, unless somebody has said what it is to be.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// readHeap is how many bytes have ever been allocated, and how many the heap holds of the system.
func readHeap() (allocated, held uint64) {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	for _, part := range samples[1:] {
		held += part.Value.Uint64()
	}
	return samples[0].Value.Uint64(), held
}
