package markdown_test

import (
	"slices"
	"testing"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

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
