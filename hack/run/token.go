package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

const (
	// tokenCommand is the argument that asks for a token.
	tokenCommand = "token"
	// tokenLife is how long a token is valid, as with many providers.
	tokenLife = time.Hour
)

// printToken prints an ID token of a user, with the groups that it claims.
func printToken(out io.Writer, arguments []string, now time.Time) error {
	dir := os.Getenv(quickstart.IssuerVariable)
	if dir == "" || len(arguments) == 0 {
		return fmt.Errorf("give a userName, such as alice@example.com, after source .run/%s", environmentFile)
	}
	signer, err := oidcissuer.Open(dir)
	if err != nil {
		return err
	}
	user := oidcissuer.Person{Subject: arguments[0], UserName: arguments[0], Groups: arguments[1:]}
	token, err := signer.IDToken(user, now, now.Add(tokenLife))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, token)
	return err
}
