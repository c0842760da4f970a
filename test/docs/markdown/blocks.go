// Package markdown reads the fenced blocks of the documents, for the tests that check them and for those that run them.
package markdown

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Block is a fenced block of a page.
type Block struct {
	// Line is that of the first line in the block, counted from 1.
	Line     int
	Language string
	// Mark is what follows the language, such as "run".
	Mark string
	Text string
}

// shells are the languages of blocks that people copy into a terminal.
var shells = []string{"sh", "shell", "bash"}

// IsCommands reports whether people copy the block into a terminal.
func (b Block) IsCommands() bool { return slices.Contains(shells, b.Language) }

// Parse returns the tree of a page, as GitHub reads it.
func Parse(source []byte) ast.Node {
	return goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
}

// Blocks returns the fenced blocks of a page, in their order.
func Blocks(source []byte) (all []Block) {
	// A walk fails only if its function does.
	_ = ast.Walk(Parse(source), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if block, ok := n.(*ast.FencedCodeBlock); ok && entering {
			all = append(all, newBlock(block, source))
		}
		return ast.WalkContinue, nil
	})
	return all
}

// BlocksByPage returns the fenced blocks of each page in a folder and its folders, by its path from there: reference/cloudssouser.md.
func BlocksByPage(folder string) (map[string][]Block, error) {
	all := map[string][]Block{}
	err := filepath.WalkDir(folder, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".md" {
			return err
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		page, err := filepath.Rel(folder, file)
		all[filepath.ToSlash(page)] = Blocks(source)
		return err
	})
	return all, err
}

func newBlock(n *ast.FencedCodeBlock, source []byte) Block {
	b := Block{Language: string(n.Language(source)), Text: string(n.Lines().Value(source))}
	at := 0
	if n.Info != nil {
		at = n.Info.Segment.Start
		_, b.Mark, _ = strings.Cut(string(n.Info.Segment.Value(source)), " ")
	}
	if n.Lines().Len() > 0 {
		at = n.Lines().At(0).Start
	}
	b.Line = 1 + bytes.Count(source[:at], []byte("\n"))
	return b
}
