//go:build chaosclock

package main

import (
	"os"
	"strings"
	"time"
)

// clockFile is the environment variable that names a file. It has a duration, by which the clock of this build is ahead.
const clockFile = "CLOUDSSO_CHAOS_CLOCK"

// now returns the time by which access begins and ends. It is the system's while the file cannot be read. What compares two
// readings, such as how long a revocation is remembered, keeps the system's clock, because there Go compares the monotonic
// ones, which do not jump.
func now() time.Time {
	content, err := os.ReadFile(os.Getenv(clockFile))
	if err != nil {
		return time.Now()
	}
	ahead, err := time.ParseDuration(strings.TrimSpace(string(content)))
	if err != nil {
		return time.Now()
	}
	return time.Now().Add(ahead)
}
