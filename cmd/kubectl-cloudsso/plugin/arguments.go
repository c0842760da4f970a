package plugin

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// NoArguments is the Args of a command without arguments. The error names the first argument, and the commands that are like it if
// the command has others below it.
func NoArguments(command *cobra.Command, arguments []string) error {
	switch {
	case len(arguments) == 0:
		return nil
	case !command.HasSubCommands():
		return fmt.Errorf("%s takes no argument, and %q is one", command.CommandPath(), arguments[0])
	}
	like := ""
	if names := command.SuggestionsFor(arguments[0]); len(names) > 0 {
		like = ": did you mean " + strings.Join(names, " or ") + "?"
	}
	return fmt.Errorf("%s has no command %q%s", command.CommandPath(), arguments[0], like)
}
