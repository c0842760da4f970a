package deps

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A tag can be moved to another image. A digest cannot.
func TestBaseImagesArePinnedByDigest(t *testing.T) {
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^FROM .*$`).FindAllString(string(dockerfile), -1)
	if len(lines) < 2 {
		t.Fatalf("the Dockerfile has %d FROM lines, want the builder's and the result's", len(lines))
	}
	pinned := regexp.MustCompile(`@sha256:[0-9a-f]{64}( AS \w+)?$`)
	for _, line := range lines {
		if !pinned.MatchString(line) {
			t.Errorf("%q names no digest", line)
		}
	}
}

// builtPackage matches a package that the Dockerfile builds.
var builtPackage = regexp.MustCompile(`go build .* \./(cmd/[\w-]+)`)

// The manager embeds manifests of config, so the image needs more than the folders with Go code alone.
func TestImageHasEveryFolderThatItsProgramsAreBuiltFrom(t *testing.T) {
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var queue []string
	for _, built := range builtPackage.FindAllStringSubmatch(string(dockerfile), -1) {
		queue = append(queue, our(built[1]))
	}
	if len(queue) < 2 {
		t.Fatalf("the Dockerfile builds %v, want the manager and the plugin", queue)
	}
	imports := listImports(t)
	reached := map[string]bool{}
	folders := map[string]bool{}
	for ; len(queue) > 0; queue = queue[1:] {
		folder, _, _ := strings.Cut(strings.TrimPrefix(queue[0], module+"/"), "/")
		folders[folder] = true
		for _, imported := range imports[queue[0]] {
			if isIn(imported, module) && !reached[imported] {
				reached[imported] = true
				queue = append(queue, imported)
			}
		}
	}
	if len(folders) < 5 {
		t.Fatalf("the programs are built from %v", folders)
	}
	for file, line := range map[string]string{"Dockerfile": "\nCOPY %[1]s/ %[1]s/\n", ".dockerignore": "\n!%s/\n"} {
		content, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		for folder := range folders {
			if want := fmt.Sprintf(line, folder); !strings.Contains(string(content), want) {
				t.Errorf("%s lacks the line %q", file, strings.TrimSpace(want))
			}
		}
	}
}
