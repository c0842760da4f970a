package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const version = "v1.2.3-rc.1"

// host is the platform of containers on this machine. A release is made for it alone, because others take minutes each.
var host = platform{"linux", runtime.GOARCH}

// copySources copies the repository, without what make has built, into a folder.
func copySources(t *testing.T, folder string) {
	t.Helper()
	source := filepath.Join("..", "..")
	if err := filepath.WalkDir(source, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		target := filepath.Join(folder, name)
		switch {
		case slices.Contains([]string{".git", "bin", "dist", ".run"}, name):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil // the .git of another worktree is a file
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, info.Mode().Perm())
	}); err != nil {
		t.Fatal(err)
	}
}

// execute runs a program in a folder.
func execute(t *testing.T, folder string, environment []string, program string, arguments ...string) (output string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Dir, command.Env = folder, append(os.Environ(), environment...)
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, said)
	}
	return string(said)
}

// makeRelease makes a release in a folder with the sources, and returns its files. Without VERSION its version is the tag's.
func makeRelease(t *testing.T, folder string, environment []string, arguments ...string) map[string]string {
	t.Helper()
	execute(t, folder, environment, "make", append(arguments, "release", "IMG=registry.example.com/operator:"+version, "PLATFORMS="+host.os+"/"+host.architecture)...)
	released := filepath.Join(folder, "dist", "release")
	entries, err := os.ReadDir(released)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(released, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}

// commit makes a git repository of a folder.
func commit(t *testing.T, folder string) {
	t.Helper()
	execute(t, folder, nil, "git", "init", "-q")
	execute(t, folder, nil, "git", "add", "-A")
	execute(t, folder, nil, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "Change")
}

func TestAReleaseIsRefusedIfFilesAreNotCommitted(t *testing.T) {
	folder := t.TempDir()
	copySources(t, folder)
	commit(t, folder)
	if err := os.WriteFile(filepath.Join(folder, "charts", "cloudsso-operator", "values-mine.yaml"), []byte("password: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "make", "release", "VERSION="+version)
	command.Dir = folder
	said, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "files that are not committed") {
		t.Errorf("%v: %s", err, said)
	}
}

// The second one is of a tag, at a longer path, with other settings of the compiler.
func TestTwoReleasesAreTheSameBytes(t *testing.T) {
	one, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "another", "folder")
	copySources(t, one)
	copySources(t, other)
	commit(t, other)
	execute(t, other, nil, "git", "-c", "tag.gpgSign=false", "tag", version)
	files := makeRelease(t, one, nil, "VERSION="+version)
	again := makeRelease(t, other, []string{"GOFLAGS=-buildvcs=true", "CGO_ENABLED=1", "TZ=Asia/Tokyo"})

	if names := slices.Sorted(maps.Keys(files)); !slices.Equal(names, expectedFiles()) {
		t.Errorf("the release has\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(expectedFiles(), "\n"))
	}
	for name, content := range files {
		if again[name] != content {
			t.Errorf("%s differs", name)
		}
	}
	testContents(t, files)
	testSums(t, files)
}

func expectedFiles() []string {
	return slices.Sorted(slices.Values([]string{
		sumsFile, krewFile, installFile, "cloudsso-operator-1.2.3-rc.1.tgz", "cloudsso-operator_" + version + "_image.tar",
		artifactName(managerName, version, host) + sbomSuffix, artifactName(pluginName, version, host) + sbomSuffix,
		artifactName(pluginName, version, host) + ".tar.gz",
	}))
}

// testSums checks that SHA256SUMS has each other file, in the form that sha256sum --check reads.
func testSums(t *testing.T, files map[string]string) {
	t.Helper()
	checked := 0
	for line := range strings.Lines(files[sumsFile]) {
		digest, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if content, exists := files[name]; !found || !exists || digest != sum([]byte(content)) {
			t.Errorf("%s: wrong line %q", sumsFile, line)
		}
		checked++
	}
	if checked != len(files)-1 {
		t.Errorf("%s has %d of %d files", sumsFile, checked, len(files)-1)
	}
}

func testContents(t *testing.T, files map[string]string) {
	t.Helper()
	if !strings.Contains(files[installFile], "image: registry.example.com/operator:"+version+"\n") {
		t.Error("install.yaml does not run the image of the release")
	}
	if strings.Count(files[installFile], "https://scim.example.com/scim/v2") != 1 { // docs/install.md puts another one in its place
		t.Error("install.yaml does not have the example of a public URL once")
	}
	plugin := artifactName(pluginName, version, host) + ".tar.gz"
	if !strings.Contains(files[krewFile], "/"+version+"/"+plugin+"\"\n    sha256: \""+sum([]byte(files[plugin]))+"\"\n") {
		t.Errorf("the manifest for krew is\n%s", files[krewFile])
	}
	if inPlugin := unpack(t, []byte(files[plugin])); len(inPlugin) != 3 || !strings.Contains(inPlugin["LICENSE"], "Apache License") {
		t.Errorf("the archive of the plugin has %v", slices.Sorted(maps.Keys(inPlugin)))
	}
	for name, modules := range map[string][]string{
		artifactName(managerName, version, host): {"manager", "stdlib", "sigs.k8s.io/controller-runtime"},
		artifactName(pluginName, version, host):  {"kubectl-cloudsso", "stdlib", "k8s.io/cli-runtime"},
	} {
		var document struct {
			Packages []struct{ Name, VersionInfo string }
		}
		if err := json.Unmarshal([]byte(files[name+sbomSuffix]), &document); err != nil {
			t.Fatal(err)
		}
		versions := map[string]string{}
		for _, p := range document.Packages {
			versions[p.Name] = p.VersionInfo
		}
		for _, module := range modules {
			if versions[module] == "" {
				t.Errorf("the modules of %s are without %s", name, module)
			}
		}
		if versions[modules[0]] != version || "go"+versions["stdlib"] != runtime.Version() {
			t.Errorf("%s is %s with Go %s", name, versions[modules[0]], versions["stdlib"])
		}
	}
}

func TestBinariesPrintTheirVersion(t *testing.T) {
	for _, pkg := range []string{"./cmd/manager", "./cmd/kubectl-cloudsso"} {
		binary, err := build(t.Context(), filepath.Join("..", ".."), pkg, version, platform{runtime.GOOS, runtime.GOARCH})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "binary")
		if err := os.WriteFile(file, binary, 0o700); err != nil {
			t.Fatal(err)
		}
		if output := execute(t, ".", nil, file, "--version"); !strings.Contains(output, version) {
			t.Errorf("%s --version says %q", pkg, output)
		}
	}
}

// Windows stands for the other systems, because it differs most from Linux. Without a cache each takes minutes.
func TestThePluginCompilesForWindows(t *testing.T) {
	if _, err := build(t.Context(), filepath.Join("..", ".."), "./"+pluginFolder, version, platform{"windows", "amd64"}); err != nil {
		t.Error(err)
	}
}

// A dependency that has no files for a system is found without compiling.
func TestEachPackageOfThePluginIsForEachSystem(t *testing.T) {
	for _, p := range []platform{{"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}} {
		environment := append(slices.Clone(settings), "GOOS="+p.os, "GOARCH="+p.architecture)
		execute(t, filepath.Join("..", ".."), environment, "go", "list", "-deps", "./"+pluginFolder)
	}
}

func TestOnlyVersionsOfReleasesAreReleased(t *testing.T) {
	for given, released := range map[string]bool{
		"v0.1.0": true, "v1.22.333": true, "v1.2.3-rc.1": true, "v1.2.3-alpha.10": true,
		"": false, "devel": false, "1.2.3": false, "v1.2": false, "v01.2.3": false, "v1.2.3-dirty": false, "v1.2.3-4-gabcdef0": false, "v1.2.3-rc.1-dirty": false,
	} {
		err := run(t.Context(), options{root: "no such folder", version: given, platforms: "linux/amd64", out: "o", image: "i:t", install: "no such file", url: "u"}, &bytes.Buffer{})
		if refused := strings.Contains(fmt.Sprint(err), "is not the version of a release"); refused == released {
			t.Errorf("%q: %v", given, err)
		}
	}
}

func TestPlatforms(t *testing.T) {
	platforms, err := parsePlatforms("linux/amd64,darwin/arm64")
	if err != nil || !slices.Equal(platforms, []platform{{"linux", "amd64"}, {"darwin", "arm64"}}) {
		t.Errorf("got %v, %v", platforms, err)
	}
	for _, wrong := range []string{"", "linux", "linux/", "/amd64", "linux/amd64,"} {
		if _, err := parsePlatforms(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestFolderIsReplacedWholeOrNotAtAll(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "dist", "release")
	write := func(name string, err error) error {
		return replaceFolder(folder, func(into string) error {
			if failed := os.WriteFile(filepath.Join(into, name), nil, 0o600); failed != nil {
				return failed
			}
			return err
		})
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	if err := write("second", fs.ErrInvalid); err == nil {
		t.Error("the failure is not reported")
	}
	if _, err := os.Stat(filepath.Join(folder, "first")); err != nil {
		t.Errorf("a failed release has removed the one before: %v", err)
	}
	if err := write("third", nil); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(folder), "*", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "third" {
		t.Errorf("left are %v, %v", left, err)
	}
}
