// Command demo sends the requests of an identity provider's day to a running `make run`. If none is running, it starts
// an operator of its own.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "\nmake demo: %v\n", err)
		os.Exit(1) //nolint:gocritic // run has stopped everything
	}
}

func run(ctx context.Context) error {
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return err
	}
	variables, running := readVariables(filepath.Join(root, ".run", "dev.env"))
	if !running {
		fmt.Println("No `make run` is running: starting an operator for the demo.")
		e, err := quickstart.Start(ctx, quickstart.Options{
			Dir:      filepath.Join(root, ".run", "demo"),
			Access:   true,
			Progress: func(step string) { fmt.Println("  " + step) },
		})
		if err != nil {
			return err
		}
		defer e.Stop() //nolint:errcheck // the demo has been shown
		variables = map[string]string{}
		for _, v := range e.Variables() {
			variables[v[0]] = v[1]
		}
	}
	day, err := newDay(variables)
	if err != nil {
		return err
	}
	return day.play(ctx)
}

// readVariables reads the file of `make run`; running is false if it does not exist.
func readVariables(path string) (variables map[string]string, running bool) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer file.Close()
	variables = map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, found := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if found {
			variables[name] = strings.Trim(value, "'")
		}
	}
	return variables, variables["SCIM_BASE_URL"] != ""
}

// day is a provider and a person with kubectl.
type day struct {
	provider   *provider.Client
	kubectl    string
	kubeconfig string
	namespace  string
	ids        map[string]string

	// issuerDir has the key of the OIDC issuer, and userKubeconfig is for a user with a token.
	issuerDir, userKubeconfig string
}

func newDay(variables map[string]string) (*day, error) {
	kubectl, err := controlplane.Kubectl()
	if err != nil {
		return nil, err
	}
	client, err := provider.New(variables["SCIM_BASE_URL"], variables["SCIM_TOKEN"], variables["SCIM_CA_FILE"])
	if err != nil {
		return nil, err
	}
	return &day{
		provider: client, kubectl: kubectl, kubeconfig: variables["KUBECONFIG"],
		namespace: variables["CLOUDSSO_NAMESPACE"], ids: map[string]string{},
		issuerDir: variables[quickstart.IssuerVariable], userKubeconfig: variables["OIDC_KUBECONFIG"],
	}, nil
}

// title prints a title for the next requests.
func title(text string) {
	fmt.Printf("\n\033[1m# %s\033[0m\n", text)
}

// scim sends a request, and prints it and its response. It returns an error if the status is not the expected one.
func (d *day) scim(ctx context.Context, status int, method, path, body string) (*provider.Response, error) {
	fmt.Printf("%s %s %s\n", method, path, body)
	response, err := d.provider.Do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	fmt.Printf("  → %d %s\n", response.Status, strings.TrimSpace(response.Raw))
	if response.Status != status {
		return nil, fmt.Errorf("%s %s was answered with %d instead of %d", method, path, response.Status, status)
	}
	return response, nil
}

// run runs kubectl as an administrator, prints its output, and reports whether it succeeded.
func (d *day) run(ctx context.Context, args ...string) bool {
	args = append([]string{"-n", d.namespace}, args...)
	fmt.Println("$ kubectl " + shellJoin(args))
	command := exec.CommandContext(ctx, d.kubectl, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig)
	command.Stdout, command.Stderr = os.Stdout, os.Stdout
	return command.Run() == nil
}

// unquoted matches an argument that a shell takes as it is.
var unquoted = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// shellJoin returns the arguments as a person can paste them into a shell.
func shellJoin(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		if words[i] = arg; !unquoted.MatchString(arg) {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
