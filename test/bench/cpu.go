package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// ticksPerSecond is USER_HZ, the unit of processor times in /proc. It is 100 on amd64 and arm64.
const ticksPerSecond = 100

// throughputAndCPU returns a throughput side that also observes the processor time of a process for each operation.
// Other processes on the machine disturb that figure less.
func (b *bench) throughputAndCPU(name string, pid, workers int, operation load.Operation) side {
	return func(ctx context.Context) (float64, error) {
		var count counted
		before, known := cpuTime(pid)
		rate, err := b.throughput(name, workers, count.each(operation))(ctx)
		after, _ := cpuTime(pid)
		if known {
			b.observe(name+" CPU µs", count.share(after-before)*1000)
		}
		return rate, err
	}
}

// counted counts the operations of a load, those of its warm-up included.
type counted struct{ operations atomic.Int64 }

func (c *counted) each(operation load.Operation) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		err := operation(ctx, worker, n)
		if err == nil {
			c.operations.Add(1)
		}
		return err
	}
}

// share returns a duration divided by the number of operations, in milliseconds.
func (c *counted) share(d time.Duration) float64 {
	return milliseconds(d) / float64(max(c.operations.Load(), 1))
}

// cpuTime returns the processor time that processes have used, where there is /proc.
func cpuTime(pids ...int) (used time.Duration, known bool) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, false
		}
		ticks, err := processTicks(string(stat))
		if err != nil {
			return 0, false
		}
		used += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	return used, true
}

// processTicks returns utime and stime of a line of /proc/<pid>/stat, see proc(5).
func processTicks(stat string) (ticks int64, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // after the name, which may have spaces
	const user, system = 11, 12                                         // counted from the state
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/<pid>/stat has only %d fields", len(fields))
	}
	for _, field := range fields[user : system+1] {
		t, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += t
	}
	return ticks, nil
}
