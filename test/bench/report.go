package main

import (
	"encoding/json"
	"os"
	"runtime"
	"time"
)

// report is the content of latest.json: the figures, and the machine that they were measured on.
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

// transport is the protocol between the load generator and the service or the bare handler.
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
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
