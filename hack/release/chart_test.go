package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// unpack returns the files of a tar.gz by name.
func unpack(t *testing.T, packed []byte) map[string]string {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}

func TestChartNamesTheVersionAndItsImage(t *testing.T) {
	packed, err := chartArchive(os.DirFS(filepath.Join("..", "..", chartFolder)), "v1.2.3", "registry.example.com:5000/sso/operator:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, packed)
	for name, lines := range map[string][]string{
		"Chart.yaml":  {`version: "1.2.3"`, `appVersion: "v1.2.3"`, "name: cloudsso-operator"},
		"values.yaml": {`  repository: "registry.example.com:5000/sso/operator"`, `  tag: "v1.2.3"`},
	} {
		for _, line := range lines {
			if !strings.Contains("\n"+files["cloudsso-operator/"+name], "\n"+line+"\n") {
				t.Errorf("%s lacks the line %s", name, line)
			}
		}
	}
	template := "templates/deployment.yaml"
	if source, err := os.ReadFile(filepath.Join("..", "..", chartFolder, template)); err != nil || files["cloudsso-operator/"+template] != string(source) {
		t.Errorf("%s is not that of the repository, %v", template, err)
	}
}

// smallChart returns a chart that can be packaged.
func smallChart() fstest.MapFS {
	return fstest.MapFS{
		".helmignore":           {Data: []byte("# of editors\n*.swp\n")},
		"Chart.yaml":            {Data: []byte("version: 0\nappVersion: latest\n")},
		"values.yaml":           {Data: []byte("image:\n  repository: operator\n  tag: latest\n")},
		"templates/pod.yaml":    {Data: []byte("kind: Pod\n")},
		"templates/.pod.sw.swp": {Data: []byte("of an editor")},
	}
}

func TestChartLeavesOutWhatHelmIgnores(t *testing.T) {
	packed, err := chartArchive(smallChart(), "v1.2.3", "operator:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, packed)
	if len(files) != 3 || files["cloudsso-operator/templates/pod.yaml"] != "kind: Pod\n" {
		t.Errorf("got %v", files)
	}
}

func TestChartThatLacksWhatAReleaseSetsIsRefused(t *testing.T) {
	for reason, change := range map[string]func(fstest.MapFS){
		"no version": func(f fstest.MapFS) { f["Chart.yaml"].Data = []byte("appVersion: latest\n") },
		"two tags": func(f fstest.MapFS) {
			f["values.yaml"].Data = []byte("image:\n  repository: a\n  tag: a\nother:\n  tag: b\n")
		},
		"a path is ignored": func(f fstest.MapFS) { f[".helmignore"].Data = []byte("templates/*\n") },
		"no .helmignore":    func(f fstest.MapFS) { delete(f, ".helmignore") },
	} {
		chart := smallChart()
		change(chart)
		if _, err := chartArchive(chart, "v1.2.3", "operator:v1.2.3"); err == nil {
			t.Errorf("%s: the chart is packaged", reason)
		}
	}
	if _, err := chartArchive(smallChart(), "v1.2.3", "operator"); err == nil {
		t.Error("the chart is packaged with an image without a tag")
	}
}

func TestSplitImage(t *testing.T) {
	for name, want := range map[string][2]string{
		"operator:v1":                         {"operator", "v1"},
		"registry.example.com:5000/a/b:v1":    {"registry.example.com:5000/a/b", "v1"},
		"registry.example.com:5000/a/b":       {},
		"operator":                            {},
		"operator:v1@sha256:0000000000000000": {},
	} {
		repository, tag, err := splitImage(name)
		if repository != want[0] || tag != want[1] || (err == nil) != (want[0] != "") {
			t.Errorf("%s: got %q, %q, %v", name, repository, tag, err)
		}
	}
}
