// Command release makes the image of the operator, and a release. Equal sources, version and Go release give equal bytes,
// in any folder and at any time. make image and make release run it.
//
//	build.go    compiles the binaries
//	image/      the image, without a container engine
//	sbom/       what is in a binary
//	chart.go    the Helm chart of a version
//	plugin.go   the archives of kubectl cloudsso, and its manifest for krew
//	release.go  all files of a release
//	archive/    archives with equal bytes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/cloudsso/cloudsso-operator/hack/release/image"
)

// releaseVersion is the form of a tag that is released: no commits after it, and no changes.
var releaseVersion = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(alpha|beta|rc)\.(0|[1-9]\d*))?$`)

// options are the flags.
type options struct {
	root, version, platforms string
	layout                   string
	out, image, install, url string
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "../..", "the root of the repository")
	flag.StringVar(&o.version, "version", "", "the version, which the binaries print")
	flag.StringVar(&o.platforms, "platforms", "", "the platforms, such as linux/amd64, with commas between them")
	flag.StringVar(&o.layout, "layout", "", "write the image alone, into this folder")
	flag.StringVar(&o.out, "out", "", "write a release into this folder")
	flag.StringVar(&o.image, "image", "", "the name and tag under which the image is pushed, for the chart")
	flag.StringVar(&o.install, "install", "", "the manifests of the release")
	flag.StringVar(&o.url, "url", "", "where the files of the release can be downloaded, for krew")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, output io.Writer) error {
	platforms, err := parsePlatforms(o.platforms)
	if err != nil {
		return err
	}
	switch {
	case o.layout != "":
		return writeImage(ctx, o, platforms, output)
	case !releaseVersion.MatchString(o.version):
		return fmt.Errorf("%q is not the version of a release: check out its tag, or set VERSION, such as v1.2.3 or v1.2.3-rc.1", o.version)
	case o.out == "" || o.image == "" || o.install == "" || o.url == "":
		return errors.New("a release needs -out, -image, -install and -url")
	}
	files, err := releaseFiles(ctx, o, platforms)
	if err != nil {
		return err
	}
	if err := replaceFolder(o.out, files.write); err != nil {
		return err
	}
	_, err = fmt.Fprintf(output, "%s", files[sumsFile])
	return err
}

// writeImage writes the image into the folder o.layout, and prints its digest.
func writeImage(ctx context.Context, o options, platforms []platform, output io.Writer) error {
	binaries, err := buildForImage(ctx, o.root, o.version, platforms)
	if err != nil {
		return err
	}
	index, err := image.Index(o.version, binaries)
	if err != nil {
		return err
	}
	if err := replaceFolder(o.layout, func(folder string) error { return image.Write(folder, o.version, index) }); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err == nil {
		_, err = fmt.Fprintln(output, digest)
	}
	return err
}

// replaceFolder lets a function write a new folder, and puts it in the place of the old one once it is complete.
func replaceFolder(folder string, write func(folder string) error) error {
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(parent, ".unfinished-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	written := filepath.Join(unfinished, "written")
	if err := errors.Join(os.Mkdir(written, 0o755), write(written)); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(folder), os.Rename(written, folder))
}

// platform is an operating system and an architecture, in the words of Go.
type platform struct{ os, architecture string }

func parsePlatforms(list string) (platforms []platform, err error) {
	for text := range strings.SplitSeq(list, ",") {
		system, architecture, found := strings.Cut(text, "/")
		if !found || system == "" || architecture == "" {
			return nil, fmt.Errorf("%q is no platform: want one such as linux/amd64", text)
		}
		platforms = append(platforms, platform{system, architecture})
	}
	return platforms, nil
}
