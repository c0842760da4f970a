package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/hack/release/archive"
	"github.com/cloudsso/cloudsso-operator/hack/release/image"
	"github.com/cloudsso/cloudsso-operator/hack/release/sbom"
)

const (
	sumsFile     = "SHA256SUMS"
	krewFile     = "cloudsso.yaml" // krew requires the name of the plugin
	installFile  = "install.yaml"
	managerName  = "cloudsso-operator"
	license      = "Apache-2.0"
	sbomSuffix   = ".spdx.json"
	chartFolder  = "charts/cloudsso-operator"
	pluginFolder = "cmd/kubectl-cloudsso"
)

// artifacts are the files of a release by name.
type artifacts map[string][]byte

// releaseFiles makes all files of a release.
func releaseFiles(ctx context.Context, o options, platforms []platform) (artifacts, error) {
	files := artifacts{}
	install, err := os.ReadFile(o.install)
	if err != nil {
		return nil, err
	}
	files[installFile] = install
	chart, err := chartArchive(os.DirFS(filepath.Join(o.root, chartFolder)), o.version, o.image)
	if err != nil {
		return nil, err
	}
	files[managerName+"-"+strings.TrimPrefix(o.version, "v")+".tgz"] = chart // the name that helm expects
	if err := files.addImage(ctx, o, platforms); err != nil {
		return nil, err
	}
	if err := files.addPlugin(ctx, o, platforms); err != nil {
		return nil, err
	}
	files[sumsFile] = files.sums()
	return files, nil
}

// addImage adds the image as one file, and what is in the operator. addPlugin adds what is in the plugin, which is the same binary.
func (a artifacts) addImage(ctx context.Context, o options, platforms []platform) error {
	binaries, err := buildForImage(ctx, o.root, o.version, platforms)
	if err != nil {
		return err
	}
	for _, b := range binaries {
		if err := a.addSBOM(artifactName(managerName, o.version, platform{b.OS, b.Architecture}), o.version, b.Manager); err != nil {
			return err
		}
	}
	index, err := image.Index(o.version, binaries)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := image.Write(folder, o.version, index); err != nil {
		return err
	}
	layout, err := readFolder(os.DirFS(folder))
	if err != nil {
		return err
	}
	a[managerName+"_"+o.version+"_image.tar"], err = archive.Tar(layout)
	return err
}

// readFolder returns the files and folders of a folder.
func readFolder(folder fs.FS) (files []archive.File, err error) {
	err = fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case entry.IsDir():
			files = append(files, archive.File{Name: name, Mode: fs.ModeDir | archive.Executable})
			return nil
		}
		content, err := fs.ReadFile(folder, name)
		files = append(files, archive.File{Name: name, Mode: archive.Plain, Content: content})
		return err
	})
	return files, err
}

// addPlugin adds an archive of the plugin for each platform, what is in it, and the manifest for krew.
func (a artifacts) addPlugin(ctx context.Context, o options, platforms []platform) error {
	beside := slices.Clone(pluginFiles)
	for i, folder := range []string{".", pluginFolder} {
		content, err := os.ReadFile(filepath.Join(o.root, folder, beside[i].Name))
		if err != nil {
			return err
		}
		beside[i].Content = content
	}
	var described []krewPlatform
	for _, p := range platforms {
		binary, err := build(ctx, o.root, "./"+pluginFolder, o.version, p)
		if err != nil {
			return err
		}
		name, content, err := pluginArchive(binary, beside, o.version, p)
		if err != nil {
			return err
		}
		a[name] = content
		if err := a.addSBOM(artifactName(pluginName, o.version, p), o.version, binary); err != nil {
			return err
		}
		described = append(described, krewPlatform{p.os, p.architecture, o.url + "/" + name, sum(content), pluginBinary(p)})
	}
	manifest, err := krewManifest(o.version, described)
	a[krewFile] = manifest
	return err
}

// addSBOM adds what is in a binary.
func (a artifacts) addSBOM(name, version string, binary []byte) error {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return err
	}
	a[name+sbomSuffix], err = sbom.New(sbom.Subject{Name: name, Version: version, License: license, SHA256: sum(binary), Created: archive.Time}, info)
	return err
}

// sums returns the checksums of all files, in the form of sha256sum.
func (a artifacts) sums() []byte {
	var all bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(a)) {
		fmt.Fprintf(&all, "%s  %s\n", sum(a[name]), name)
	}
	return all.Bytes()
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// write writes all files into a folder.
func (a artifacts) write(folder string) error {
	for name, content := range a {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
