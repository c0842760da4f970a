// Command token makes a token for the directory of a namespace, and prints it with its hash.
//
//	go run ./hack/token acme
//
// The token goes to the identity provider, or into a vault. The hash goes into spec.tokenHash of a SCIMCredential in that
// namespace, and may be kept in Git.
package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

func main() {
	if err := run(os.Args[1:], rand.Reader, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "token:", err)
		os.Exit(1)
	}
}

func run(arguments []string, random io.Reader, out io.Writer) error {
	if len(arguments) != 1 {
		return fmt.Errorf("%d arguments, want one: the namespace of the directory", len(arguments))
	}
	token, err := auth.NewToken(random, arguments[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "token: %s\ntokenHash: %s\n", token, auth.HashToken(token))
	return err
}
