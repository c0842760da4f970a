// Command crdcompat compares the CRDs of the working tree with those of the last release, which test/upgrade/testdata keeps,
// and fails if a change is incompatible: an object or manifest of the last release would be refused, lose a field, or mean
// something else. It is run from the root of the repository.
//
//	go run ./hack/crdcompat
//
// An incompatible change that is meant is accepted with its reason in accepted.yaml beside the kept CRDs.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const (
	crdFolder  = "config/crd/bases"
	keptFolder = "test/upgrade/testdata"
)

func main() {
	ok, err := run(".", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reports whether the CRDs of the repository at root are compatible with the kept ones, and prints what is not, and what
// to do.
func run(root string, out io.Writer) (bool, error) {
	kept, err := keptVersion(filepath.Join(root, keptFolder))
	if err != nil {
		return false, err
	}
	before, err := readCRDs(filepath.Join(kept, "crds"))
	if err != nil {
		return false, err
	}
	after, err := readCRDs(filepath.Join(root, crdFolder))
	if err != nil {
		return false, err
	}
	accepted, err := readAccepted(filepath.Join(kept, "accepted.yaml"))
	if err != nil {
		return false, err
	}
	refused, unused := accepted.split(compare(before, after))
	report(out, filepath.Base(kept), refused, unused)
	return len(refused)+len(unused) == 0, nil
}

func report(out io.Writer, version string, refused []change, unused []string) {
	folder := filepath.ToSlash(filepath.Join(keptFolder, version))
	if len(refused) > 0 {
		fmt.Fprintf(out, "These changes of %s are incompatible with the CRDs of %s:\n", crdFolder, version)
		for _, c := range refused {
			fmt.Fprintf(out, "  %s\n", c)
		}
		fmt.Fprintf(out, "A stored object or a manifest of %s can be refused, lose a field, or mean something else (docs/upgrade.md).\n"+
			"Undo each change, or make it in a new version of the API. If it is meant, and what it breaks is known, accept it:\n"+
			"add its line to %s/accepted.yaml with the reason.\n", version, folder)
	}
	for _, line := range unused {
		fmt.Fprintf(out, "%s/accepted.yaml accepts a change that the CRDs do not have, or gives no reason; remove the line, or add the reason:\n  %s\n", folder, line)
	}
}

// keptVersion returns the folder of the last release: the only one in the folder of kept versions.
func keptVersion(folder string) (string, error) {
	versions, err := filepath.Glob(filepath.Join(folder, "v*"))
	if err != nil {
		return "", err
	}
	if len(versions) != 1 {
		return "", fmt.Errorf("%s has %d versions, but must have one, that of the last release: run \"make keep-crds\"", folder, len(versions))
	}
	return versions[0], nil
}

// readCRDs returns the CRDs of a folder, one in each file.
func readCRDs(folder string) ([]apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no CRDs", folder)
	}
	crds := make([]apiextensionsv1.CustomResourceDefinition, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalStrict(content, &crds[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return crds, nil
}

// acceptances are the changes that are meant, as they are printed, each with its reason.
type acceptances map[string]string

// readAccepted returns the accepted changes; none if the file does not exist.
func readAccepted(file string) (acceptances, error) {
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var accepted acceptances
	if err := yaml.UnmarshalStrict(content, &accepted); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return accepted, nil
}

// split returns the changes that are not accepted, and the lines that accept no change or have no reason.
func (a acceptances) split(changes []change) (refused []change, unused []string) {
	used := map[string]bool{}
	for _, c := range changes {
		if a[c.String()] == "" {
			refused = append(refused, c)
			continue
		}
		used[c.String()] = true
	}
	for line := range a {
		if !used[line] {
			unused = append(unused, line)
		}
	}
	slices.Sort(unused)
	return refused, unused
}
