package markdown_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

func TestBlocksOfTheFilesInAFolder(t *testing.T) {
	folder := t.TempDir()
	for path, content := range map[string]string{"a.md": "```sh\nls\n```\n", "in/b.md": "Text.\n", "in/c.txt": "```sh\nls\n```\n"} {
		if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(path)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := markdown.BlocksByPage(folder)
	if err != nil || len(all) != 2 || len(all["a.md"]) != 1 || len(all["in/b.md"]) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := markdown.BlocksByPage(filepath.Join(folder, "absent")); err == nil {
		t.Error("a folder that is not there has pages")
	}
}

func TestBlocksOfAPage(t *testing.T) {
	page := "# A\n\n```sh run\nls\n\necho\n```\n\n1. In a list:\n\n   ```yaml\n   a:\n     b: 1\n   ```\n\n```text\n```\n\nText `sh run`.\n"
	expected := []markdown.Block{
		{Line: 4, Language: "sh", Mark: "run", Text: "ls\n\necho\n"},
		{Line: 12, Language: "yaml", Text: "a:\n  b: 1\n"},
		{Line: 16, Language: "text"},
	}
	blocks := markdown.Blocks([]byte(page))
	if !slices.Equal(blocks, expected) {
		t.Errorf("%+v", blocks)
	}
	if !blocks[0].IsCommands() || blocks[1].IsCommands() {
		t.Error("sh is not a language of commands, or yaml is one")
	}
}
