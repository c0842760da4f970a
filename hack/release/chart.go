package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/hack/release/archive"
)

const ignoreFile = ".helmignore"

// chartArchive returns the Helm chart of a version, which runs an image. helm package writes the time of the packaging into its
// archives, so this does not use it.
func chartArchive(chart fs.FS, version, imageName string) ([]byte, error) {
	ignored, err := ignorePatterns(chart)
	if err != nil {
		return nil, err
	}
	var files []archive.File
	err = fs.WalkDir(chart, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || ignored.match(entry.Name()) {
			return err
		}
		content, err := fs.ReadFile(chart, name)
		if err == nil {
			content, err = released(name, content, version, imageName)
		}
		files = append(files, archive.File{Name: path.Join("cloudsso-operator", name), Mode: archive.Plain, Content: content})
		return err
	})
	if err != nil {
		return nil, err
	}
	return archive.TarGz(files)
}

// released returns a file of the chart with what a release decides.
func released(name string, content []byte, version, imageName string) ([]byte, error) {
	switch name {
	case "Chart.yaml":
		return replaceLines(name, content, map[string]string{
			"version: ": strings.TrimPrefix(version, "v"), "appVersion: ": version,
		})
	case "values.yaml":
		repository, tag, err := splitImage(imageName)
		if err != nil {
			return nil, err
		}
		return replaceLines(name, content, map[string]string{"  repository: ": repository, "  tag: ": tag})
	}
	return content, nil
}

// replaceLines replaces the values of lines by what they begin with. There has to be one such line each.
func replaceLines(name string, content []byte, values map[string]string) ([]byte, error) {
	lines := strings.Split(string(content), "\n")
	for start, value := range values {
		isLine := func(line string) bool { return strings.HasPrefix(line, start) }
		at := slices.IndexFunc(lines, isLine)
		if at < 0 || slices.ContainsFunc(lines[at+1:], isLine) {
			return nil, fmt.Errorf("%s does not have one line that begins with %q", name, start)
		}
		lines[at] = fmt.Sprintf("%s%q", start, value)
	}
	return []byte(strings.Join(lines, "\n")), nil
}

// splitImage returns the two parts of an image's name. The host of a registry may have a port.
func splitImage(name string) (repository, tag string, err error) {
	colon := strings.LastIndex(name, ":")
	if colon <= strings.LastIndex(name, "/") || strings.Contains(name, "@") {
		return "", "", fmt.Errorf("%q is no image with a tag", name)
	}
	return name[:colon], name[colon+1:], nil
}

// patterns are names of files, as in path.Match.
type patterns []string

// ignorePatterns returns what helm package leaves out of the chart.
func ignorePatterns(chart fs.FS) (all patterns, err error) {
	content, err := fs.ReadFile(chart, ignoreFile)
	if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		pattern := strings.TrimSpace(lines.Text())
		if pattern == "" || strings.HasPrefix(pattern, "#") {
			continue
		}
		if _, err := path.Match(pattern, ""); err != nil || strings.ContainsAny(pattern, "/!") {
			return nil, fmt.Errorf("%s: %q is no pattern of a name", ignoreFile, pattern)
		}
		all = append(all, pattern)
	}
	return append(all, ignoreFile), nil
}

// match reports whether a name matches. The patterns are valid.
func (p patterns) match(name string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool {
		matched, _ := path.Match(pattern, name)
		return matched
	})
}
