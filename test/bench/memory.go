package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// rss returns the resident memory of a process, in bytes.
func rss(ctx context.Context, pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return rssOfPS(ctx, pid)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return kibibytes(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// rssOfPS returns it on systems without /proc.
func rssOfPS(ctx context.Context, pid int) (float64, error) {
	output, err := exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("asking ps for the memory of process %d: %w", pid, err)
	}
	return kibibytes(strings.TrimSpace(string(output)))
}

func kibibytes(number string) (float64, error) {
	n, err := strconv.ParseFloat(number, 64)
	return n * 1024, err
}
