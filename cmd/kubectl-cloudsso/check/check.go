// Package check is kubectl cloudsso check: it connects to a directory as an identity provider does, and says what is wrong.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// options are the flags.
type options struct {
	endpoint, caFile, tokenFile string
	testUser, yes               bool
}

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Connect to a directory as an identity provider does, and say what is wrong and what to do",
		Long: "Checks, from this machine: the directory's switch, the name of the endpoint in DNS, the connection, the certificate and its\n" +
			"chain, the clocks and the service. With --token-file it checks the token too, and with --test-user it creates, finds and\n" +
			"deactivates a user. Exits with 1 if a check fails.\n\n" +
			"It connects directly, without a proxy. Run it where the network looks as it does to the identity provider: outside of the\n" +
			"cluster.",
		Example: "  kubectl cloudsso check -n acme\n" +
			"  # With the token of the provider, which stays out of the list of processes\n" +
			"  vault kv get -field=token secret/scim/acme | kubectl cloudsso check -n acme --token-file -",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), p, o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.endpoint, "endpoint", "", "the SCIM base URL; status.endpoint of the directory if absent")
	flags.StringVar(&o.caFile, "ca-file", "", "a file of the certificates to trust, in PEM; those of this machine if absent")
	flags.StringVar(&o.tokenFile, "token-file", "", "a file with the token of a credential; - is the standard input")
	flags.BoolVar(&o.testUser, "test-user", false, "create, find and deactivate the user "+testUserName+", which stays there, disabled")
	plugin.AddYesFlag(flags, &o.yes)
	return cmd
}

func run(ctx context.Context, p *plugin.Plugin, o options) error {
	token, err := readToken(p.In, o.tokenFile)
	if err != nil {
		return err
	}
	if o.testUser && token == "" {
		return errors.New("--test-user needs a token: give --token-file")
	}
	c, namespace, err := p.Connect()
	if err != nil {
		return err
	}
	d, err := plugin.Directory(ctx, c, namespace)
	if err != nil {
		return err
	}
	credentials, err := plugin.CredentialsOf(ctx, c, namespace)
	if err != nil {
		return err
	}
	if o.testUser {
		err := p.Confirm(ctx, o.yes, fmt.Sprintf("This creates the user %s in directory %s over SCIM, finds and deactivates it. The user stays there, disabled, and its deactivation counts for the disablement budget.", testUserName, namespace))
		if err != nil {
			return err
		}
	}
	check, err := newChecker(d, credentials, o, token, p.Now)
	if err != nil {
		return err
	}
	return check.run(ctx, p.Out)
}

// maxTokenFile is more than a token and white space around it have.
const maxTokenFile = 4096

func readToken(in io.Reader, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTokenFile))
	token := strings.TrimSpace(string(text))
	if err == nil && token == "" {
		err = fmt.Errorf("--token-file %s is empty", path)
	}
	return token, err
}

// step is one check.
type step struct {
	name string
	// do returns what it has found. An error says what is wrong.
	do func(ctx context.Context) (found string, err error)
	// vital says that no further check makes sense if this one fails.
	vital bool
}

// finding is an error of a check with what to do.
type finding struct {
	problem, remedy string
	isWarning       bool
}

func (f *finding) Error() string { return f.problem }

func failure(remedy, problem string, arguments ...any) error {
	return &finding{problem: fmt.Sprintf(problem, arguments...), remedy: remedy}
}

func warning(remedy, problem string, arguments ...any) error {
	return &finding{problem: fmt.Sprintf(problem, arguments...), remedy: remedy, isWarning: true}
}

// run carries out the checks and writes a line for each, and below it what to do.
func (c *checker) run(ctx context.Context, w io.Writer) error {
	failed, skipping := 0, ""
	for _, s := range c.steps() {
		if skipping != "" {
			fmt.Fprintf(w, "SKIP  %s: %s\n", s.name, skipping)
			continue
		}
		found, err := s.do(ctx)
		if err == nil {
			fmt.Fprintf(w, "PASS  %s: %s\n", s.name, plugin.Printable(found))
			continue
		}
		result := "FAIL"
		f := &finding{problem: err.Error()}
		if errors.As(err, &f) && f.isWarning {
			result = "WARN"
		} else {
			failed++
			if s.vital {
				skipping = s.name + " failed"
			}
		}
		fmt.Fprintf(w, "%s  %s: %s\n", result, s.name, plugin.Printable(f.problem))
		if f.remedy != "" {
			fmt.Fprintf(w, "      %s\n", plugin.Printable(f.remedy))
		}
	}
	if c.token == "" && skipping == "" {
		fmt.Fprintln(w, "SKIP  token: none is given; --token-file FILE checks that of the identity provider")
	}
	if failed > 0 {
		return fmt.Errorf("checks that failed: %d", failed)
	}
	return nil
}
