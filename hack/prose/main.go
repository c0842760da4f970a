// Command prose checks how comments and documents are written: the words that they use, the form of doc
// comments, and names that say nothing. The words are in .prose-words.txt. It is run from the root of the
// repository.
//
//	go run ./hack/prose                     checks the repository, and the share of comments "X is ..."
//	go run ./hack/prose ./internal/scim     checks a folder or a file, and prints the share
package main

import (
	"fmt"
	"io"
	"os"
)

const wordsFile = ".prose-words.txt"

// mostNouns is the share of function comments that may have the form "X is ...", in percent: such a comment
// fits a few one-line functions, and elsewhere it hides what the function does.
const mostNouns = 8

func main() {
	ok, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reports whether the files below the paths are clean, and prints what is not.
func run(paths []string, out io.Writer) (bool, error) {
	rules, err := readRules(wordsFile)
	if err != nil {
		return false, err
	}
	whole := len(paths) == 0
	if whole {
		paths = []string{"."}
	}
	c := &checker{rules: rules}
	for _, path := range paths {
		if err := c.checkTree(path); err != nil {
			return false, err
		}
	}
	tooMany := whole && c.share() > mostNouns
	if tooMany {
		c.findings = append(c.findings, c.nouns...)
	}
	sortFindings(c.findings)
	for _, f := range c.findings {
		fmt.Fprintln(out, f)
	}
	fmt.Fprintf(out, "%d of %d function comments have the form \"X is ...\": %.1f %%, at most %d %% are allowed in the whole repository\n",
		len(c.nouns), c.functions, c.share(), mostNouns)
	return len(c.findings) == 0, nil
}
