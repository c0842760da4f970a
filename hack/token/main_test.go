package main

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

func TestTokenIsPrintedWithItsHash(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"acme"}, rand.Reader, &out); err != nil {
		t.Fatal(err)
	}
	token, hash, ok := strings.Cut(strings.TrimPrefix(out.String(), "token: "), "\ntokenHash: ")
	if namespace, valid := auth.ParseToken(token); !ok || !valid || namespace != "acme" || auth.HashToken(token).String()+"\n" != hash {
		t.Errorf("printed %q", out.String())
	}
}

func TestTokenNeedsOneNamespace(t *testing.T) {
	for _, arguments := range [][]string{nil, {"acme", "globex"}, {"Acme"}, {""}} {
		var out bytes.Buffer
		if err := run(arguments, rand.Reader, &out); err == nil || out.Len() > 0 {
			t.Errorf("%q: printed %q, error %v", arguments, out.String(), err)
		}
	}
}
