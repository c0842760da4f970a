package programs

import "strings"

// WithoutMake removes the variables that make sets for its own child processes from those of an environment, because a test may
// run below a make, and starts another one.
func WithoutMake(all []string) (rest []string) {
	for _, setting := range all {
		if !strings.HasPrefix(setting, "MAKE") && !strings.HasPrefix(setting, "MFLAGS=") {
			rest = append(rest, setting)
		}
	}
	return rest
}
