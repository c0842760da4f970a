package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/hack/release/archive"
)

var beside = []archive.File{{Name: "LICENSE", Mode: archive.Plain, Content: []byte("license")}}

func TestArchiveOfThePluginHasBinaryAndLicense(t *testing.T) {
	name, content, err := pluginArchive([]byte("binary"), beside, "v1.2.3", platform{"darwin", "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, content)
	if name != "kubectl-cloudsso_v1.2.3_darwin_arm64.tar.gz" || files["kubectl-cloudsso"] != "binary" || files["LICENSE"] != "license" {
		t.Errorf("%s has %v", name, files)
	}
}

func TestArchiveForWindowsIsAZip(t *testing.T) {
	name, content, err := pluginArchive([]byte("binary"), beside, "v1.2.3", platform{"windows", "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	binary, err := fs.ReadFile(r, "kubectl-cloudsso.exe")
	if err != nil || string(binary) != "binary" || len(r.File) != 2 || name != "kubectl-cloudsso_v1.2.3_windows_amd64.zip" {
		t.Errorf("%s has %d files, %q, %v", name, len(r.File), binary, err)
	}
}

// krewAccepts reports whether krew's own program accepts a manifest, and what it says.
func krewAccepts(t *testing.T, version string, platforms []krewPlatform) (accepted bool, output string) {
	t.Helper()
	manifest, err := krewManifest(version, platforms)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), krewFile)
	if err := os.WriteFile(file, manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), "go", "tool", "validate-krew-manifest", "-manifest", file, "-skip-install").CombinedOutput()
	return err == nil, string(said)
}

// A checksum of digits alone has to stay text.
func TestKrewAcceptsTheManifest(t *testing.T) {
	var platforms []krewPlatform
	for _, p := range []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}} {
		platforms = append(platforms, krewPlatform{p.os, p.architecture, "https://example.com/v1.2.3/a", strings.Repeat("0", 64), pluginBinary(p)})
	}
	if accepted, output := krewAccepts(t, "v1.2.3-rc.1", platforms); !accepted {
		t.Error(output)
	}
	for refusal, change := range map[string]func(*krewPlatform){
		"overlapping platform selectors":        func(p *krewPlatform) { p.Architecture = "arm64" },
		"must match pattern":                    func(p *krewPlatform) { p.SHA256 = "0" },
		"doesn't match any supported platforms": func(p *krewPlatform) { p.OS = "plan10" },
	} {
		wrong := slices.Clone(platforms)
		change(&wrong[0])
		if accepted, output := krewAccepts(t, "v1.2.3", wrong); accepted || !strings.Contains(output, refusal) {
			t.Errorf("want %q, got %s", refusal, output)
		}
	}
}
