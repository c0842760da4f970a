package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"

	"github.com/cloudsso/cloudsso-operator/hack/release/archive"
)

const pluginName = "kubectl-cloudsso"

// Files beside the binary in an archive of the plugin. krew refuses an archive without a license.
var pluginFiles = []archive.File{
	{Name: "LICENSE", Mode: archive.Plain},
	{Name: "kubectl_complete-cloudsso", Mode: archive.Executable},
}

// pluginArchive returns an archive of the plugin, and its name: zip for Windows, tar.gz for others.
func pluginArchive(binary []byte, beside []archive.File, version string, p platform) (name string, content []byte, err error) {
	files := append([]archive.File{{Name: pluginBinary(p), Mode: archive.Executable, Content: binary}}, beside...)
	name = artifactName(pluginName, version, p)
	if p.os == "windows" {
		content, err = archive.Zip(files)
		return name + ".zip", content, err
	}
	content, err = archive.TarGz(files)
	return name + ".tar.gz", content, err
}

func pluginBinary(p platform) string {
	if p.os == "windows" {
		return pluginName + ".exe"
	}
	return pluginName
}

func artifactName(program, version string, p platform) string {
	return fmt.Sprintf("%s_%s_%s_%s", program, version, p.os, p.architecture)
}

// krewPlatform is an archive in the manifest.
type krewPlatform struct{ OS, Architecture, URL, SHA256, Binary string }

//go:embed krew.yaml.tmpl
var krewTemplate string

// krewManifest returns the manifest with which krew installs a version of the plugin.
func krewManifest(version string, platforms []krewPlatform) ([]byte, error) {
	parsed, err := template.New("krew").Option("missingkey=error").Parse(krewTemplate)
	if err != nil {
		return nil, err
	}
	var manifest bytes.Buffer
	err = parsed.Execute(&manifest, struct {
		Version   string
		Platforms []krewPlatform
	}{version, platforms})
	return manifest.Bytes(), err
}
