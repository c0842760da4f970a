// Package sbom makes a software bill of materials of a Go binary from what the Go linker has written into it.
package sbom

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"
)

// What an SPDX document says of a value that is not known.
const noAssertion = "NOASSERTION"

const documentID = "SPDXRef-DOCUMENT"

// Subject is the binary.
type Subject struct {
	Name    string // of the document
	Version string // of the main module, because the build information has none
	License string // of the main module, as an SPDX expression
	SHA256  string // of the binary, in hex digits
	Created time.Time
}

// document is a document of SPDX 2.3, with the fields that are used.
type document struct {
	Version       string         `json:"spdxVersion"`
	DataLicense   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	CreationInfo  creationInfo   `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID               string        `json:"SPDXID"`
	Name             string        `json:"name"`
	Version          string        `json:"versionInfo"`
	Purpose          string        `json:"primaryPackagePurpose"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	LicenseConcluded string        `json:"licenseConcluded"`
	LicenseDeclared  string        `json:"licenseDeclared"`
	Copyright        string        `json:"copyrightText"`
	Checksums        []checksum    `json:"checksums,omitempty"`
	ExternalRefs     []externalRef `json:"externalRefs"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// New returns an SPDX 2.3 document in JSON: the binary, Go's standard library, and each module in the binary. The same binary
// gives the same bytes.
func New(s Subject, info *debug.BuildInfo) ([]byte, error) {
	binary := mainPackage(s, info)
	packages := []spdxPackage{binary, standardLibrary(info.GoVersion)}
	modules := slices.SortedFunc(slices.Values(info.Deps), func(a, b *debug.Module) int { return cmp.Compare(a.Path, b.Path) })
	for _, m := range modules {
		p, err := modulePackage(m)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	relationships := []relationship{{documentID, "DESCRIBES", binary.ID}}
	for _, p := range packages[1:] {
		relationships = append(relationships, relationship{binary.ID, "DEPENDS_ON", p.ID})
	}
	return json.MarshalIndent(document{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: documentID, Name: s.Name,
		Namespace:    "https://" + info.Main.Path + "/spdx/" + s.Name + "-" + s.SHA256, // unique, as SPDX requires
		CreationInfo: creationInfo{Created: s.Created.UTC().Format(time.RFC3339), Creators: []string{"Tool: " + info.Main.Path + "/hack/release"}},
		Packages:     packages, Relationships: relationships,
	}, "", "  ")
}

func mainPackage(s Subject, info *debug.BuildInfo) spdxPackage {
	p := newPackage(info.Main.Path, s.Version, purl(info.Main.Path, s.Version)+"#"+strings.TrimPrefix(info.Path, info.Main.Path+"/"))
	p.Name, p.Purpose, p.LicenseDeclared = path.Base(info.Path), "APPLICATION", s.License
	p.Checksums = []checksum{{"SHA256", s.SHA256}}
	return p
}

func standardLibrary(goVersion string) spdxPackage {
	version, _, _ := strings.Cut(strings.TrimPrefix(goVersion, "go"), " ") // experiments may follow
	return newPackage("stdlib", version, purl("stdlib", version))
}

// modulePackage returns a module, or what replaces it.
func modulePackage(m *debug.Module) (spdxPackage, error) {
	if m.Replace != nil {
		m = m.Replace
	}
	p := newPackage(m.Path, m.Version, purl(m.Path, m.Version))
	if m.Sum == "" { // a folder that replaces a module has none
		return p, nil
	}
	sum, found := strings.CutPrefix(m.Sum, "h1:")
	digest, err := base64.StdEncoding.DecodeString(sum)
	if !found || err != nil {
		return spdxPackage{}, fmt.Errorf("the checksum %q of %s is not one of go.sum", m.Sum, m.Path)
	}
	p.Checksums = []checksum{{"SHA256", hex.EncodeToString(digest)}}
	return p, nil
}

func newPackage(name, version, locator string) spdxPackage {
	return spdxPackage{
		ID: "SPDXRef-Package-" + identifier(name+"@"+version), Name: name, Version: version, Purpose: "LIBRARY",
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion,
		ExternalRefs: []externalRef{{"PACKAGE-MANAGER", "purl", locator}},
	}
}

// identifier returns text with the characters of an SPDX identifier alone. Different texts have different identifiers.
func identifier(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.') {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "-%X-", r)
		}
	}
	return b.String()
}

// purl returns the package URL of a module. The type golang has lower-case names.
func purl(module, version string) string {
	return "pkg:golang/" + strings.ToLower(module) + "@" + url.QueryEscape(version)
}
