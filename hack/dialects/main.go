// Command dialects writes docs/dialects.md, the table of identity providers' requests, from the recorded conversations
// that test/dialects replays. It is run from the root of the repository.
package main

import (
	"fmt"
	"os"

	"github.com/cloudsso/cloudsso-operator/test/dialects/conversation"
)

const (
	conversations = "test/dialects/testdata"
	document      = "docs/dialects.md"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	all, err := conversation.Load(conversations)
	if err != nil {
		return err
	}
	for _, c := range all {
		for _, file := range c.Handled {
			if _, err := os.Stat(file); err != nil {
				return fmt.Errorf("%s names a file in which it is handled: %w", c.Provider, err)
			}
		}
	}
	return os.WriteFile(document, []byte(page(all)), 0o644)
}
