package sbom

import (
	"bytes"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdxlib"
)

// Checksums of go.sum, and the same in hex digits.
const (
	zeros    = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	zerosHex = "0000000000000000000000000000000000000000000000000000000000000000"
	binary   = "1111111111111111111111111111111111111111111111111111111111111111"
)

var subject = Subject{Name: "manager_v1.2.3", Version: "v1.2.3", License: "Apache-2.0", SHA256: binary, Created: time.Unix(0, 0)}

func buildInfo() *debug.BuildInfo {
	return &debug.BuildInfo{
		GoVersion: "go1.26.8 X:synctest", Path: "example.com/operator/cmd/manager", Main: debug.Module{Path: "example.com/operator", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork_of/old", Version: "v1.0.1", Sum: zeros}},
			{Path: "example.com/Docker", Version: "v2.0.0+incompatible", Sum: zeros},
			{Path: "example.com/copied", Version: "v0.1.0"},
		},
	}
}

// parse reads a document with a library that refuses what SPDX does not permit.
func parse(t *testing.T, content []byte) *spdx.Document {
	t.Helper()
	d, err := spdxjson.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentHasBinaryLibraryAndModules(t *testing.T) {
	content, err := New(subject, buildInfo())
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, content)
	var found []string
	for _, p := range d.Packages {
		line := []string{p.PackageName, p.PackageVersion, p.PackageExternalReferences[0].Locator}
		for _, c := range p.PackageChecksums {
			line = append(line, string(c.Algorithm)+":"+c.Value)
		}
		found = append(found, strings.Join(line, " "))
	}
	want := []string{
		"manager v1.2.3 pkg:golang/example.com/operator@v1.2.3#cmd/manager SHA256:" + binary,
		"stdlib 1.26.8 pkg:golang/stdlib@1.26.8",
		"example.com/Docker v2.0.0+incompatible pkg:golang/example.com/docker@v2.0.0%2Bincompatible SHA256:" + zerosHex,
		"example.com/copied v0.1.0 pkg:golang/example.com/copied@v0.1.0",
		"example.com/fork_of/old v1.0.1 pkg:golang/example.com/fork_of/old@v1.0.1 SHA256:" + zerosHex,
	}
	if !slices.Equal(found, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

func TestDocumentDescribesTheBinaryThatDependsOnAllOthers(t *testing.T) {
	content, err := New(subject, buildInfo())
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, content)
	described, err := spdxlib.GetDescribedPackageIDs(d)
	if err != nil || len(described) != 1 || described[0] != d.Packages[0].PackageSPDXIdentifier {
		t.Fatalf("it describes %v, %v", described, err)
	}
	dependencies := map[common.ElementID]bool{}
	for _, r := range d.Relationships {
		if r.Relationship == common.TypeRelationshipDependsOn && r.RefA.ElementRefID == described[0] {
			dependencies[r.RefB.ElementRefID] = true
		}
	}
	for _, p := range d.Packages[1:] {
		if !dependencies[p.PackageSPDXIdentifier] {
			t.Errorf("the binary does not depend on %s", p.PackageName)
		}
	}
}

func TestOrderOfModulesDoesNotChangeADocument(t *testing.T) {
	backwards := buildInfo()
	slices.Reverse(backwards.Deps)
	one, err := New(subject, buildInfo())
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(subject, backwards)
	if err != nil || !bytes.Equal(one, other) {
		t.Errorf("the documents differ, %v", err)
	}
}

func TestChecksumThatIsNoneOfGoSumIsRefused(t *testing.T) {
	for _, wrong := range []string{"h2:AAAA", "h1:!", "AAAA"} {
		info := buildInfo()
		info.Deps[1].Sum = wrong
		if _, err := New(subject, info); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestIdentifiersOfModulesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a/b", "a-b", "a-2F-b", "a_b", "a.b", "ä.b"} {
		id := identifier(name)
		if seen[id] != "" {
			t.Errorf("%q and %q are both %s", name, seen[id], id)
		}
		seen[id] = name
	}
}
