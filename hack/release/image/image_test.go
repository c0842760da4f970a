package image

import (
	"archive/tar"
	"io"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var platforms = []Binaries{
	{OS: "linux", Architecture: "arm64", Manager: []byte("for arm64"), Plugin: []byte("plugin for arm64")},
	{OS: "linux", Architecture: "amd64", Manager: []byte("for amd64"), Plugin: []byte("plugin for amd64")},
}

// must returns a value that a function returned without an error.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// readBack writes the image into a layout, and returns the one image that the layout names.
func readBack(t *testing.T) v1.ImageIndex {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "layout")
	if err := Write(folder, "v1.2.3", must(Index("v1.2.3", platforms))(t)); err != nil {
		t.Fatal(err)
	}
	all := must(must(layout.FromPath(folder))(t).ImageIndex())(t)
	named := must(all.IndexManifest())(t).Manifests
	if len(named) != 1 || named[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.3" {
		t.Fatalf("the layout names %+v", named)
	}
	return must(all.ImageIndex(named[0].Digest))(t)
}

func TestLayoutIsValidAndOfOCI(t *testing.T) {
	index := readBack(t)
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest := must(index.IndexManifest())(t)
	if manifest.MediaType != types.OCIImageIndex || len(manifest.Manifests) != 2 {
		t.Fatalf("got %+v", manifest)
	}
	for i, architecture := range []string{"amd64", "arm64"} {
		described := manifest.Manifests[i]
		if described.MediaType != types.OCIManifestSchema1 || described.Platform.Architecture != architecture || described.ArtifactType != "" {
			t.Errorf("got %+v", described)
		}
	}
}

func TestImageRunsTheManagerAsItsOwnUser(t *testing.T) {
	index := readBack(t)
	one := must(index.Image(must(index.IndexManifest())(t).Manifests[0].Digest))(t)
	file := must(one.ConfigFile())(t)
	if file.Config.User != "65532:65532" || !slices.Equal(file.Config.Entrypoint, []string{"/manager"}) || file.Config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("got %+v", file.Config)
	}
	if file.OS != "linux" || file.Architecture != "amd64" || len(file.RootFS.DiffIDs) != 1 {
		t.Errorf("got %+v", file)
	}

	modes, contents := map[string]int64{}, map[string]string{}
	extracted := mutate.Extract(one)
	defer func() { _ = extracted.Close() }()
	for r := tar.NewReader(extracted); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[header.Name] = header.Mode
		contents[header.Name] = string(must(io.ReadAll(r))(t))
	}
	if want := map[string]int64{"etc": 0o755, "etc/passwd": 0o644, "kubectl-cloudsso": 0o755, "manager": 0o755, "tmp": 0o1777}; !reflect.DeepEqual(modes, want) {
		t.Errorf("got %v", slices.Sorted(maps.Keys(modes)))
	}
	if contents["manager"] != "for amd64" || contents["kubectl-cloudsso"] != "plugin for amd64" {
		t.Errorf("/manager is %q, and /kubectl-cloudsso is %q", contents["manager"], contents["kubectl-cloudsso"])
	}
}

func TestDigestDependsOnBinariesAndVersionAlone(t *testing.T) {
	digest := func(version string, platforms ...Binaries) v1.Hash {
		return must(must(Index(version, platforms))(t).Digest())(t)
	}
	one := digest("v1.2.3", platforms[0], platforms[1])
	if other := digest("v1.2.3", platforms[1], platforms[0]); other != one {
		t.Errorf("%s and %s differ by the order of platforms", one, other)
	}
	manager, plugin := platforms[1], platforms[1]
	manager.Manager, plugin.Plugin = []byte("changed"), []byte("changed")
	if digest("v1.2.3", platforms[0], manager) == one || digest("v1.2.3", platforms[0], plugin) == one || digest("v1.2.4", platforms...) == one {
		t.Error("different images have one digest")
	}
}
