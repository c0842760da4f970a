package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// finding is one thing to rewrite.
type finding struct {
	file    string
	line    int
	problem string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.problem) }

func sortFindings(findings []finding) {
	slices.SortStableFunc(findings, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
}

// checker collects the findings of many files.
type checker struct {
	rules     rules
	findings  []finding
	functions int       // function comments
	nouns     []finding // those of the form "X is ..."
}

// share returns how many function comments of a hundred have the form "X is ...".
func (c *checker) share() float64 {
	if c.functions == 0 {
		return 0
	}
	return 100 * float64(len(c.nouns)) / float64(c.functions)
}

// builtFolders are those that tools write into.
var builtFolders = []string{".git", ".run", "bin"}

func (c *checker) checkTree(root string) error {
	return filepath.WalkDir(filepath.Clean(root), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(builtFolders, entry.Name()):
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		return c.checkFile(path)
	})
}

func (c *checker) checkFile(path string) error {
	name := filepath.Base(path)
	var prose func(string) string
	switch extension := filepath.Ext(name); {
	case extension == ".go":
	case extension == ".md":
		prose = markdownProse
	case slices.Contains([]string{".yaml", ".yml", ".sh"}, extension), slices.Contains([]string{"Makefile", "Dockerfile"}, name):
		prose = hashComments
	default:
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if prose == nil {
		return c.checkGo(path, text)
	}
	c.checkWords(path, 1, prose(string(text)))
	return nil
}

// exempt is a word that is mentioned rather than used: in a code span, or in quotes.
var exempt = regexp.MustCompile("`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”")

// checkWords looks for refused words in prose whose first line has that number in the file.
func (c *checker) checkWords(file string, first int, prose string) {
	prose = exempt.ReplaceAllStringFunc(prose, blank)
	for _, w := range c.rules.words {
		for _, found := range w.pattern.FindAllStringIndex(prose, -1) {
			line := first + strings.Count(prose[:found[0]], "\n")
			c.findings = append(c.findings, finding{file, line, fmt.Sprintf("%q: write instead: %s", w.word, w.instead)})
		}
	}
}

// blank keeps the length of a text, so that what follows it keeps its place.
func blank(text string) string { return strings.Repeat(" ", len(text)) }

// markdownProse leaves out fenced blocks of code. Lines keep their numbers.
func markdownProse(text string) string {
	lines := strings.Split(text, "\n")
	fence := ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence == "" && (strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")):
			fence = trimmed[:3]
			lines[i] = ""
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// hashComments keeps the comments of YAML, shell and make alone. Lines keep their numbers.
func hashComments(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = hashComment(line)
	}
	return strings.Join(lines, "\n")
}

// hashComment returns what follows the first # that begins a word outside quotes. A line without a comment
// becomes a full stop, because it ends the sentence of a comment above it.
func hashComment(line string) string {
	quote := rune(0)
	previous := ' '
	for i, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '#' && (previous == ' ' || previous == '\t'):
			return strings.TrimLeft(line[i:], "#")
		case (r == '"' || r == '\'') && !isLetter(previous):
			quote = r
		}
		previous = r
	}
	return "."
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
