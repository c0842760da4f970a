package auth_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

func TestNewToken(t *testing.T) {
	form := regexp.MustCompile(`^cssoscim_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		token, err := auth.NewToken(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(token) || !auth.Minted(token) || seen[token] {
			t.Fatalf("token %q: wrong form, wrong checksum, or minted before", token)
		}
		seen[token] = true
	}
}

func TestNewTokenFromExtremeRandomBytes(t *testing.T) {
	for name, random := range map[string][]byte{
		"all zeros": make([]byte, 32), "all ones": bytes.Repeat([]byte{0xff}, 32),
	} {
		token, err := auth.NewToken(bytes.NewReader(random))
		if err != nil || len(token) != len(auth.TokenPrefix)+49 || !auth.Minted(token) {
			t.Errorf("%s: token %q, error %v", name, token, err)
		}
	}
}

func TestNewTokenWithoutRandomness(t *testing.T) {
	if token, err := auth.NewToken(iotest.ErrReader(errors.New("no entropy"))); err == nil || token != "" {
		t.Errorf("token %q, error %v; want none without randomness", token, err)
	}
	if token, err := auth.NewToken(strings.NewReader("short")); err == nil || token != "" {
		t.Errorf("token %q, error %v; want none with too little randomness", token, err)
	}
}

func TestMintedRefusesAChangedToken(t *testing.T) {
	token, err := auth.NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", "cssoscim_", token[:len(token)-1], token + "0", "x" + token[1:], swapCase(token)} {
		if auth.Minted(other) {
			t.Errorf("%q passes for minted", other)
		}
	}
}

func swapCase(token string) string {
	body := strings.TrimPrefix(token, auth.TokenPrefix)
	if strings.ToLower(body) != body {
		return auth.TokenPrefix + strings.ToLower(body)
	}
	return auth.TokenPrefix + strings.ToUpper(body)
}
