package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// ticksPerSecond is USER_HZ, in which Linux tells processor times; it is 100 on every architecture that
// matters.
const ticksPerSecond = 100

// costing is a throughput side that also observes how much processor time a process spent on each operation:
// a figure that others on the machine disturb less.
func (b *bench) costing(name string, pid, workers int, operation load.Operation) side {
	return func(ctx context.Context) (float64, error) {
		before, known := cpuTime(pid)
		rate, err := b.throughput(name, workers, operation)(ctx)
		after, _ := cpuTime(pid)
		if operations := rate * b.roundTime.Seconds(); known && operations > 0 {
			b.observe(name+" CPU µs", float64((after-before).Microseconds())/operations)
		}
		return rate, err
	}
}

// cpuTime is how much processor time a process has spent, where there is /proc.
func cpuTime(pid int) (spent time.Duration, known bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // after the name, which may have spaces in it
	fields := strings.Fields(rest)
	const user, system = 11, 12 // utime and stime, counted from the state
	if len(fields) <= system {
		return 0, false
	}
	for _, field := range fields[user : system+1] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, false
		}
		spent += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	return spent, true
}
