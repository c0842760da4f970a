package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cloudsso/cloudsso-operator/hack/release/image"
)

// settings are the variables of the environment that change a binary. The caller's own values do not count. Those that are not
// empty also overrule what go env -w has set.
var settings = []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0"}

// build compiles a package of the operator for a platform. Nothing of the folder or of its git repository is in the binary.
func build(ctx context.Context, root, pkg, version string, p platform) (binary []byte, err error) {
	folder, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "binary")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", file, pkg)
	command.Dir, command.Stderr = root, os.Stderr
	command.Env = append(append(os.Environ(), settings...), "GOOS="+p.os, "GOARCH="+p.architecture)
	fmt.Fprintf(os.Stderr, "release: compiling %s for %s/%s\n", pkg, p.os, p.architecture)
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("compiling %s for %s/%s: %w", pkg, p.os, p.architecture, err)
	}
	return os.ReadFile(file)
}

// buildForImage compiles the operator and the plugin for the platforms of containers.
func buildForImage(ctx context.Context, root, version string, platforms []platform) (all []image.Binaries, err error) {
	for _, p := range platforms {
		if p.os != "linux" {
			continue
		}
		manager, err := build(ctx, root, "./cmd/manager", version, p)
		if err != nil {
			return nil, err
		}
		plugin, err := build(ctx, root, "./"+pluginFolder, version, p)
		if err != nil {
			return nil, err
		}
		all = append(all, image.Binaries{OS: p.os, Architecture: p.architecture, Manager: manager, Plugin: plugin})
	}
	if len(all) == 0 {
		return nil, errors.New("the image needs a platform of linux")
	}
	return all, nil
}
