package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

var errCancelled = errors.New("cancelled: nothing was changed")

// AddYesFlag adds the flag that answers the question of Confirm.
func AddYesFlag(flags *pflag.FlagSet, yes *bool) {
	flags.BoolVarP(yes, "yes", "y", false, "don't ask; needed if there is no terminal to ask at")
}

// Confirm says what a command is about to do, and asks whether to do it. It returns nil if the person, or the flag --yes,
// says yes. Without a terminal it refuses.
func (p *Plugin) Confirm(ctx context.Context, yes bool, consequences string) error {
	if yes {
		return nil
	}
	if !p.AtTerminal {
		return fmt.Errorf("%s\nThere is no terminal to ask at: give --yes if you want this", consequences)
	}
	fmt.Fprintf(p.ErrOut, "%s\nContinue? [y/N] ", consequences)
	answers := make(chan string, 1)
	go func() { // reading cannot be cancelled
		answers <- readLine(p.In)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(p.ErrOut)
		return errCancelled
	case answer := <-answers:
		if a := strings.ToLower(strings.TrimSpace(answer)); a == "y" || a == "yes" {
			return nil
		}
		return errCancelled
	}
}

// readLine reads up to a line break or the end, and no further: the next question has an answer of its own.
func readLine(in io.Reader) string {
	var line []byte
	for next := make([]byte, 1); ; {
		n, err := in.Read(next)
		if n > 0 && next[0] != '\n' {
			line = append(line, next[0])
		} else if n > 0 || err != nil {
			return string(line)
		}
	}
}
