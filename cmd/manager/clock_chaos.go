//go:build chaosclock

package main

import (
	"os"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/jumpclock"
)

// clockFile is the environment variable that names a file. The file has the duration by which the clock is ahead.
const clockFile = "CLOUDSSO_CHAOS_CLOCK"

// now returns the time by which the controllers work, above all that by which access begins and ends. It is the system's while
// the file cannot be read. Only the time of day is ahead: the time between two readings is by the monotonic clock, which does
// not jump. The rest of the manager, such as what remembers revocations, does not read this clock at all.
func now() time.Time {
	content, err := os.ReadFile(os.Getenv(clockFile))
	if err != nil {
		return time.Now()
	}
	ahead, err := time.ParseDuration(strings.TrimSpace(string(content)))
	if err != nil {
		return time.Now()
	}
	return jumpclock.Ahead(time.Now(), ahead)
}
