package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
)

// profilerSource is a file that is added to the manager when -profile is given. It is not compiled here.
//
//go:embed profiler.go.txt
var profilerSource []byte

// The manager that is measured is the one that is shipped, but for these: a load that finds out what the
// service can do would meet the rate limit that each credential has.
var (
	limitsFile = filepath.Join("internal", "auth", "authenticator.go")
	limits     = regexp.MustCompile(`(?m)^(\tDefault(?:Rate|Burst) = )\d+$`)
)

const withoutLimit = "${1}1_000_000_000"

// overlay has the manager built with those differences, by go build's own means: nothing in the repository
// is changed.
func (b *bench) overlay(root string) error {
	dir := filepath.Join(b.dir, "overlay")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	original, err := os.ReadFile(filepath.Join(root, limitsFile))
	if err != nil {
		return err
	}
	if !limits.Match(original) {
		return errors.New(limitsFile + " does not have the limits that are to be lifted: see test/bench/build.go")
	}
	replace := map[string]string{}
	add := func(at string, content []byte) error {
		file := filepath.Join(dir, filepath.Base(at))
		replace[filepath.Join(root, at)] = file
		return os.WriteFile(file, content, 0o600)
	}
	if err := add(limitsFile, limits.ReplaceAll(original, []byte(withoutLimit))); err != nil {
		return err
	}
	if b.profiles != "" {
		if err := add(filepath.Join("cmd", "manager", "zz_profiler.go"), profilerSource); err != nil {
			return err
		}
	}
	description, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, description, 0o600); err != nil {
		return err
	}
	return os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" '-overlay="+file+"'")
}
