// Package image makes the operator's image without a container engine: an OCI image layout with the static binaries of each
// platform. Equal binaries give an equal digest.
package image

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cloudsso/cloudsso-operator/hack/release/archive"
)

// user is the user of the image, by number, so that the kubelet can verify runAsNonRoot.
const user = "65532:65532"

// Binaries are those of one platform.
type Binaries struct {
	OS, Architecture string
	// Manager is the operator, and Plugin is kubectl-cloudsso, which serves the console.
	Manager, Plugin []byte
}

// Index returns the image of a version for all platforms.
func Index(version string, platforms []Binaries) (v1.ImageIndex, error) {
	index := v1.ImageIndex(empty.Index)
	platforms = slices.SortedFunc(slices.Values(platforms), func(a, b Binaries) int { return strings.Compare(a.Architecture, b.Architecture) })
	for _, b := range platforms {
		one, err := platformImage(version, b)
		if err != nil {
			return nil, err
		}
		platform := &v1.Platform{OS: b.OS, Architecture: b.Architecture}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: runnable{one}, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, nil
}

// Write writes a layout into an empty or absent folder. The layout names one image, so that a program that copies it needs no
// digest.
func Write(folder, version string, index v1.ImageIndex) error {
	name := map[string]string{"org.opencontainers.image.ref.name": version}
	_, err := layout.Write(folder, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index, Descriptor: v1.Descriptor{Annotations: name}}))
	return err
}

func platformImage(version string, b Binaries) (v1.Image, error) {
	binaryLayer, err := layer(b)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{
		Layer: binaryLayer, History: v1.History{Created: v1.Time{Time: archive.Time}, CreatedBy: "hack/release"},
	})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = b.OS, b.Architecture, v1.Time{Time: archive.Time}
	file.Config = v1.Config{Entrypoint: []string{"/manager"}, User: user, WorkingDir: "/", Labels: labels(version)}
	return mutate.ConfigFile(image, file)
}

// runnable is an image whose descriptor has no artifact type. Some programs that copy an index leave this field out, and thus
// would change the digest.
type runnable struct{ v1.Image }

// ArtifactType returns none.
func (runnable) ArtifactType() (string, error) { return "", nil }

func labels(version string) map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":       "cloudsso-operator",
		prefix + "description": "SCIM 2.0 provisioning into Kubernetes",
		prefix + "source":      "https://github.com/cloudsso/cloudsso-operator",
		prefix + "licenses":    "Apache-2.0",
		prefix + "version":     version,
	}
}

// layer returns the file system of the image. It has no certificates of public CAs, because the operator calls the API server
// alone, whose CA is in the service account, and the console has its own.
func layer(b Binaries) (v1.Layer, error) {
	content, err := archive.Tar([]archive.File{
		{Name: "etc", Mode: fs.ModeDir | 0o755},
		{Name: "etc/passwd", Mode: archive.Plain, Content: []byte("root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/:/nologin\n")},
		{Name: "kubectl-cloudsso", Mode: archive.Executable, Content: b.Plugin},
		{Name: "manager", Mode: archive.Executable, Content: b.Manager},
		{Name: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	})
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}
