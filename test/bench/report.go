package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// report is bench/latest.json: what was measured, and on what sort of machine.
type report struct {
	Date       string   `json:"date"`
	Cores      int      `json:"cores"`
	System     string   `json:"system"`
	Go         string   `json:"go"`
	Kubernetes string   `json:"kubernetes"`
	Etcd       string   `json:"etcd"`
	Transport  string   `json:"transport"`
	Users      int      `json:"users"`
	Groups     int      `json:"groups"`
	Rounds     int      `json:"rounds"`
	RoundTime  string   `json:"roundTime"`
	Duration   string   `json:"duration"`
	Figures    []figure `json:"figures"`
}

// transport is how the load generator speaks to the service and to the bare handler.
const transport = "HTTP/1.1 over TLS 1.3, one kept-alive connection for each worker"

func (b *bench) report(figures []figure) report {
	return report{
		Date:       b.began.UTC().Format(time.DateOnly),
		Cores:      runtime.GOMAXPROCS(0),
		System:     runtime.GOOS + "/" + runtime.GOARCH,
		Go:         runtime.Version(),
		Kubernetes: b.kubernetes + ", " + featureGates,
		Etcd:       "one member, on the same machine, without fsync",
		Transport:  transport,
		Users:      b.users,
		Groups:     b.groups,
		Rounds:     b.rounds,
		RoundTime:  b.roundTime.String(),
		Duration:   time.Since(b.began).Round(time.Second).String(),
		Figures:    figures,
	}
}

func (r *report) write(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
