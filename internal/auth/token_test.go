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

// newToken returns a new token of a namespace.
func newToken(tb testing.TB, namespace string) string {
	tb.Helper()
	token, err := auth.NewToken(rand.Reader, namespace)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestNewTokenHasTheFormOfATokenAndNamesItsNamespace(t *testing.T) {
	form := regexp.MustCompile(`^cssoscim_([a-z0-9-]{1,63})_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`)
	seen := map[string]bool{}
	for range 300 {
		for _, namespace := range []string{"a", "acme", "team-1", strings.Repeat("x", 63)} {
			token := newToken(t, namespace)
			named, ok := auth.ParseToken(token)
			if !form.MatchString(token) || !ok || named != namespace || len(token) > auth.MaxTokenBytes || seen[token] {
				t.Fatalf("token %q of %s: names %q, %v", token, namespace, named, ok)
			}
			seen[token] = true
		}
	}
}

// The form is fixed: tokens that were handed out, and the rules of secret scanners, depend on it.
func TestFormOfTokensIsFixed(t *testing.T) {
	const want = "cssoscim_acme_" + "0000000000000000000000000000000000000000000_" + "4BEMbp"
	token, err := auth.NewToken(bytes.NewReader(make([]byte, 32)), "acme")
	if err != nil || token != want {
		t.Errorf("the token of 32 zeros is %q, %v; want %q", token, err, want)
	}
	token, err = auth.NewToken(bytes.NewReader(bytes.Repeat([]byte{0xff}, 32)), "acme")
	if _, ok := auth.ParseToken(token); err != nil || !ok {
		t.Errorf("the token of 32 bytes 0xff is %q, %v", token, err)
	}
}

func TestNewTokenNeedsRandomnessAndANamespace(t *testing.T) {
	if token, err := auth.NewToken(iotest.ErrReader(errors.New("no entropy")), "acme"); err == nil || token != "" {
		t.Errorf("without randomness: token %q, error %v", token, err)
	}
	if token, err := auth.NewToken(strings.NewReader("short"), "acme"); err == nil || token != "" {
		t.Errorf("with too little randomness: token %q, error %v", token, err)
	}
	for _, namespace := range []string{"", "Acme", "acme_corp", "acme.corp", "-acme", strings.Repeat("x", 64)} {
		if token, err := auth.NewToken(rand.Reader, namespace); err == nil || token != "" {
			t.Errorf("for the namespace %q: token %q, error %v", namespace, token, err)
		}
	}
}

func TestOtherFormsAreNoTokens(t *testing.T) {
	token := newToken(t, "acme")
	parts := strings.Split(token, "_")
	join := func(parts ...string) string { return strings.Join(parts, "_") }
	for _, other := range []string{
		"", "cssoscim", "cssoscim_", token[:len(token)-1], token + "0", "x" + token, token + " ", token + "\n", strings.ToUpper(token),
		join(parts[0], "globex", parts[2], parts[3]), // the checksum covers the namespace
		join(parts[0], "", parts[2], parts[3]),
		join(parts[0], "acme", parts[2], "000000x"),
		join(parts[0], "acme", parts[2]),
		join(parts[0], "acme", "x", parts[2], parts[3]),
		strings.Replace(token, parts[2], parts[2][1:]+"é", 1),
		"cssoscim_0123456789abcdefghijklmnopqrstuvwxyz012345639v4Tm", // of an earlier version
		auth.HashToken(token).String(),
	} {
		if namespace, ok := auth.ParseToken(other); ok || namespace != "" {
			t.Errorf("%q is a token of %q", other, namespace)
		}
	}
}

func TestTokenHash(t *testing.T) {
	// printf %s cssoscim | sha256sum
	const want = "sha256:4b48307dc1a09cc193bf0d6933383fdeaaa98012b0860e2389dd15f2dee0884d"
	hash := auth.HashToken("cssoscim")
	if hash.String() != want || hash.Fingerprint() != want[7:15] {
		t.Errorf("the hash is %s, its fingerprint %s; want %s", hash, hash.Fingerprint(), want)
	}
	if auth.ParseTokenHash(want) != hash || hash.IsZero() {
		t.Errorf("%s is not read back", want)
	}
	for _, text := range []string{"", "sha256:", want[7:], want[:70], want + "00", "sha512:" + want[7:], "sha256:" + strings.Repeat("x", 64)} {
		if !auth.ParseTokenHash(text).IsZero() {
			t.Errorf("%q is a hash", text)
		}
	}
}

func TestTokensAreRedacted(t *testing.T) {
	token := newToken(t, "acme")
	for _, text := range []string{
		token, token + token, "/Users/" + token + "?x=1", `"` + token + `"`, token[:30], token[:12], strings.ToUpper(token), strings.ToLower(token),
		"é" + token + "é", "Bearer " + token + ", " + token,
	} {
		redacted := auth.Redact(text)
		if strings.Contains(strings.ToLower(redacted), strings.ToLower(token[14:20])) || !strings.Contains(redacted, "[redacted]") {
			t.Errorf("%q becomes %q", text, redacted)
		}
		if again := auth.Redact(redacted); again != redacted {
			t.Errorf("%q becomes %q", redacted, again)
		}
	}
	if got := auth.Redact("/Users/" + token + "/x"); got != "/Users/cssoscim_[redacted]/x" {
		t.Errorf("the text around a token becomes %q", got)
	}
	for _, text := range []string{"", "/Users/alice-x7k2p", "the prefix is cssoscim_, then the namespace"} {
		if got := auth.Redact(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	token := newToken(f, "acme")
	for _, seed := range []string{"", token, token[:20], "cssoscim_a_b_c", "cssoscim____", strings.Replace(token, "acme", "acme_corp", 1)} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^cssoscim_([a-z0-9]([-a-z0-9]*[a-z0-9])?)_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`)
	f.Fuzz(func(t *testing.T, text string) {
		namespace, ok := auth.ParseToken(text)
		match := form.FindStringSubmatch(text)
		if ok && (match == nil || match[1] != namespace) || !ok && namespace != "" {
			t.Errorf("%q is a token of %q: %v", text, namespace, ok)
		}
		// A text with the right form is a token with one checksum only.
		if match != nil && len(match[1]) <= 63 {
			body := text[:len(text)-7]
			valid := 0
			for _, last := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
				if _, ok := auth.ParseToken(body + text[len(text)-7:len(text)-1] + string(last)); ok {
					valid++
				}
			}
			if valid > 1 {
				t.Errorf("%q has %d checksums", body, valid)
			}
		}
		if redacted := auth.Redact(text); ok && strings.Contains(redacted, text) {
			t.Errorf("%q becomes %q", text, redacted)
		}
	})
}
