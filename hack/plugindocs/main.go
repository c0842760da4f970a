// Command plugindocs writes docs/plugin, the reference pages of kubectl cloudsso, from its commands. It is run from the root
// of the repository.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra/doc"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/root"
)

const folder = "docs/plugin"

func main() {
	if err := write(folder); err != nil {
		fmt.Fprintln(os.Stderr, "plugindocs:", err)
		os.Exit(1)
	}
}

// write replaces the pages in a folder, so that a verb that is gone leaves no page.
func write(folder string) error {
	old, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		return err
	}
	for _, page := range old {
		if err := os.Remove(page); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	cmd := root.NewCommand(plugin.New(genericiooptions.NewTestIOStreamsDiscard()))
	cmd.DisableAutoGenTag = true
	cmd.PersistentFlags().Lookup("cache-dir").DefValue = "~/.kube/cache" // not that of this machine
	return doc.GenMarkdownTree(cmd, folder)
}
