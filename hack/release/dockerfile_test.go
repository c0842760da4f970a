package main

import (
	"bytes"
	"encoding/json"
	goversion "go/version"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cloudsso/cloudsso-operator/hack/release/image"
)

// instruction is one of a Dockerfile.
type instruction struct{ name, rest string }

// readDockerfile returns the instructions of each stage.
func readDockerfile(t *testing.T) (stages [][]instruction) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\\\n", "")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if name == "FROM" {
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], instruction{name, strings.TrimSpace(rest)})
	}
	if len(stages) != 2 {
		t.Fatalf("the Dockerfile has %d stages, want the builder and the result", len(stages))
	}
	return stages
}

// valueOf returns the rest of the only instruction of a name.
func valueOf(t *testing.T, stage []instruction, name string) string {
	t.Helper()
	var found []string
	for _, i := range stage {
		if i.name == name {
			found = append(found, i.rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the stage has the %s instructions %q, want one", name, found)
	}
	return found[0]
}

// runBuilder carries out the stage of the builder in a folder: it copies what the stage copies, and runs its commands. No layer of the
// base image is needed for that but Go. Downloading modules is left out, because go build does it as well.
func runBuilder(t *testing.T, stage []instruction, folder string) {
	t.Helper()
	ignored, err := os.ReadFile(filepath.Join("..", "..", ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	built := false
	for _, i := range stage {
		switch {
		case i.name == "COPY":
			copied := strings.Fields(i.rest)
			into := copied[len(copied)-1]
			for _, source := range copied[:len(copied)-1] {
				if !strings.Contains("\n"+string(ignored), "\n!"+source+"\n") {
					t.Errorf("%s is copied, and .dockerignore leaves it out", source)
				}
				execute(t, filepath.Join("..", ".."), nil, "cp", "-r", source, filepath.Join(folder, into))
			}
		case i.name == "RUN" && i.rest != "go mod download":
			// No TARGETOS, as without buildx.
			environment := append(slices.Clone(settings), "VERSION="+version, "TARGETOS=", "TARGETARCH="+host.architecture)
			execute(t, folder, environment, "sh", "-c", i.rest)
			built = true
		}
	}
	if !built {
		t.Fatal("the builder runs no command")
	}
}

// There is no container engine where the tests run, so this is what shows that docker-build makes the image that make image makes.
func TestTheDockerfileMakesTheSameImage(t *testing.T) {
	stages := readDockerfile(t)
	builder, result := stages[0], stages[1]
	base := regexp.MustCompile(` golang:([0-9.]+)@sha256:`).FindStringSubmatch(valueOf(t, builder, "FROM"))
	if base == nil || goversion.Lang("go"+base[1]) != goversion.Lang(runtime.Version()) {
		t.Errorf("the builder's base has Go %v, and the test runs with %s", base, runtime.Version())
	}
	folder := t.TempDir()
	runBuilder(t, builder, folder)

	same, err := buildForImage(t.Context(), filepath.Join("..", ".."), version, []platform{host})
	if err != nil {
		t.Fatal(err)
	}
	copied := regexp.MustCompile(`^--from=builder /workspace/manager /workspace/kubectl-cloudsso \./$`)
	if rest := valueOf(t, result, "COPY"); !copied.MatchString(rest) || valueOf(t, result, "WORKDIR") != "/" || valueOf(t, builder, "WORKDIR") != "/workspace" {
		t.Errorf("the result copies %q", rest)
	}
	for name, want := range map[string][]byte{"manager": same[0].Manager, "kubectl-cloudsso": same[0].Plugin} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s of the Dockerfile has other bytes than that of make image", name)
		}
	}

	config := configOf(t, same)
	var entrypoint []string
	if err := json.Unmarshal([]byte(valueOf(t, result, "ENTRYPOINT")), &entrypoint); err != nil || !slices.Equal(entrypoint, config.Entrypoint) {
		t.Errorf("the entrypoint is %q, %v, want %q", entrypoint, err, config.Entrypoint)
	}
	if user := valueOf(t, result, "USER"); user != config.User {
		t.Errorf("the user is %s, want %s", user, config.User)
	}
}

// configOf returns the configuration of the image that make image makes.
func configOf(t *testing.T, binaries []image.Binaries) v1.Config {
	t.Helper()
	index, err := image.Index(version, binaries)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	one, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	file, err := one.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return file.Config
}
