package deps

import (
	"os"
	"regexp"
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
