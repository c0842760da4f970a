//go:build install

package install

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	releasedVersion = "v0.0.0-rc.1"
	releasedImage   = "registry.example.com/cloudsso-operator:" + releasedVersion
)

// makeRelease makes a release for this machine, as make release does, and returns its folder.
func makeRelease(ctx context.Context) string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	manifests := filepath.Join(folder, "install.yaml")
	Expect(os.WriteFile(manifests, build(ctx), 0o600)).To(Succeed())
	made := filepath.Join(folder, "release")
	command := exec.CommandContext(ctx, "go", "run", ".", "-version", releasedVersion, "-platforms", "linux/"+runtime.GOARCH,
		"-image", releasedImage, "-install", manifests, "-url", "https://example.com", "-out", made)
	command.Dir = filepath.Join(root, "hack", "release")
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", output)
	return made
}

// testReleasedChart checks that the packed chart is the chart, and that it runs the released image.
func testReleasedChart(ctx context.Context, folder string) {
	GinkgoHelper()
	packed := filepath.Join(folder, "cloudsso-operator-0.0.0-rc.1.tgz")
	mustHelm(ctx, "lint", "--strict", packed)
	released := parse([]byte(mustHelm(ctx, "template", release, packed, "--namespace", namespace, "--no-hooks")))
	here := template(ctx, release, namespace, "--set", "image.repository=registry.example.com/cloudsso-operator,image.tag="+releasedVersion)
	Expect(firstContainer(released["Deployment cloudsso-system/cloudsso-operator"].Object)).To(HaveKeyWithValue("image", releasedImage))
	for key, o := range released {
		Expect(here).To(HaveKey(key))
		Expect(withoutHelm(o)).To(Equal(withoutHelm(here[key])), key)
	}
	Expect(released).To(HaveLen(len(here)))
}

// testReleasedImage starts the image as a Pod does: as the image's user, without capabilities, with nothing that can be written,
// and with the token of the release's service account.
func testReleasedImage(ctx context.Context, folder string) {
	GinkgoHelper()
	bwrap := os.Getenv("BWRAP")
	Expect(bwrap).NotTo(BeEmpty(), "BWRAP is not set: run make test-install")
	image := readImage(filepath.Join(folder, "cloudsso-operator_"+releasedVersion+"_image.tar"))
	user, group, found := strings.Cut(image.config.User, ":")
	Expect(found).To(BeTrue())
	Expect(user).To(Equal("65532"))

	m := startManagerBy(ctx, namespace, controlplane.OperatorServiceAccount, func(kubeconfig string, arguments ...string) *process {
		isolation := []string{
			"--unshare-all", "--share-net", "--die-with-parent", "--uid", user, "--gid", group, "--cap-drop", "ALL", "--clearenv",
			"--ro-bind", image.extract(), "/", "--tmpfs", "/tmp", "--ro-bind", kubeconfig, "/tmp/kubeconfig", "--remount-ro", "/tmp",
			"--setenv", "KUBECONFIG", "/tmp/kubeconfig", "--",
		}
		return start(bwrap, append(append(isolation, image.config.Entrypoint...), arguments...)...)
	})
	Expect(get(ctx, m.url+"/Users")).To(Equal(http.StatusUnauthorized), "without a token")
	Expect(get(ctx, m.url+"/ServiceProviderConfig")).To(Equal(http.StatusOK))
	Expect(m.output.String()).To(ContainSubstring(`"version":"` + releasedVersion + `"`))
}

// imageConfig is what the test needs of an image's configuration.
type imageConfig struct {
	User       string
	Entrypoint []string
}

// packedImage is the image for this machine in a layout.
type packedImage struct {
	config imageConfig
	layers [][]byte
}

// descriptor points to a blob in a layout.
type descriptor struct {
	Digest   string
	Platform struct{ Architecture string }
}

// readImage reads the image for this machine from a packed layout, which names one index of images.
func readImage(file string) (image packedImage) {
	GinkgoHelper()
	content, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	files := map[string][]byte{}
	for _, entry := range entries(content) {
		files[entry.Name] = entry.content
	}
	blob := func(d descriptor) []byte {
		GinkgoHelper()
		name := "blobs/" + strings.ReplaceAll(d.Digest, ":", "/")
		Expect(files).To(HaveKey(name))
		return files[name]
	}
	var layout, index struct{ Manifests []descriptor }
	Expect(json.Unmarshal(files["index.json"], &layout)).To(Succeed())
	Expect(layout.Manifests).To(HaveLen(1))
	Expect(json.Unmarshal(blob(layout.Manifests[0]), &index)).To(Succeed())
	Expect(index.Manifests).To(ConsistOf(HaveField("Platform.Architecture", runtime.GOARCH)))
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	Expect(json.Unmarshal(blob(index.Manifests[0]), &manifest)).To(Succeed())
	var configuration struct{ Config imageConfig }
	Expect(json.Unmarshal(blob(manifest.Config), &configuration)).To(Succeed())
	image.config = configuration.Config
	for _, layer := range manifest.Layers {
		image.layers = append(image.layers, blob(layer))
	}
	return image
}

// extract writes the file system of the image into a folder.
func (i packedImage) extract() (folder string) {
	GinkgoHelper()
	folder = GinkgoT().TempDir()
	for _, layer := range i.layers {
		unzipped, err := gzip.NewReader(bytes.NewReader(layer))
		Expect(err).NotTo(HaveOccurred())
		content, err := io.ReadAll(unzipped)
		Expect(err).NotTo(HaveOccurred())
		for _, entry := range entries(content) {
			target := filepath.Join(folder, entry.Name)
			if entry.Typeflag == tar.TypeDir {
				Expect(os.Mkdir(target, 0o755)).To(Succeed())
				continue
			}
			Expect(os.WriteFile(target, entry.content, entry.FileInfo().Mode())).To(Succeed())
		}
	}
	return folder
}

// tarEntry is a file or a folder in a tar archive.
type tarEntry struct {
	*tar.Header
	content []byte
}

func entries(archive []byte) (all []tarEntry) {
	GinkgoHelper()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		Expect(err).NotTo(HaveOccurred())
		content, err := io.ReadAll(r)
		Expect(err).NotTo(HaveOccurred())
		all = append(all, tarEntry{header, content})
	}
}
