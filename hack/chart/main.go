// Command chart writes the generated parts of the Helm chart: the CRDs, roles, admission policies, alerts and dashboard. It reads the
// manifests of config/default from standard input, built with the names of release.go, and puts what Helm knows in place of these names.
// The rest of the chart is written by hand, and test/install compares all of it with config/default.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// folder is where the files are, from the repository's root.
const folder = "charts/cloudsso-operator/templates/generated"

func main() {
	if err := run(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(manifests io.Reader) error {
	content, err := io.ReadAll(manifests)
	if err != nil {
		return err
	}
	files, err := templates(string(content))
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
