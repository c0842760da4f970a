package chaos

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

const (
	// clockTag builds a manager with the clock that Clock sets, and clockVariable tells it the file.
	clockTag      = "chaosclock"
	clockVariable = "CLOUDSSO_CHAOS_CLOCK"
	// farthestJump is how far the clock jumps, ahead or back, at most.
	farthestJump = 24 * time.Hour
	// longestLie is how long the clock stays wrong, at most.
	longestLie = 3 * time.Second
)

// Clock is the clock of all replicas by which access begins and ends. That of the API server is another.
type Clock struct{ file string }

// NewClock returns a clock that is right. Managers read it from a file in dir.
func NewClock(dir string) (Clock, error) {
	c := Clock{filepath.Join(dir, "clock")}
	return c, c.Set(0)
}

// Set sets by how much the clock is ahead.
func (c Clock) Set(ahead time.Duration) error {
	next := c.file + ".next"
	if err := os.WriteFile(next, []byte(ahead.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.file) // a manager may be reading it
}

// jumpClock sets the clock ahead or back for a while.
func (f *Faults) jumpClock(ctx context.Context, _ int) error {
	jump := Period{From: f.History.Now()}
	if err := f.Clock.Set(time.Duration(f.Random.Int64N(int64(2*farthestJump))) - farthestJump); err != nil {
		return err
	}
	f.idle(ctx, longestLie/4, longestLie)
	err := f.Clock.Set(0)
	jump.To = f.History.Now()
	f.Jumps = append(f.Jumps, jump)
	return err
}
