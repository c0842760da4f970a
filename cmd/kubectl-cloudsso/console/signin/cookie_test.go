package signin

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// key returns a line of a file with keys.
func key(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, keySize)) + "\n"
}

func mustSealer(t *testing.T, keys string) *sealer {
	t.Helper()
	s, err := newSealer([]byte(keys))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeyIsReplacedInTwoSteps(t *testing.T) {
	before, both, after := mustSealer(t, key(1)), mustSealer(t, key(2)+key(1)), mustSealer(t, key(2))
	for name, tt := range map[string]struct {
		seals, opens *sealer
		want         bool
	}{
		"of the old key, while both are there": {before, both, true},
		"of the new key":                       {both, after, true},
		"of the old key, afterwards":           {before, after, false},
		"of the new key, by the old one":       {both, before, false},
	} {
		text, err := tt.seals.seal("purpose", "value")
		if err != nil {
			t.Fatal(err)
		}
		var value string
		if got := tt.opens.open("purpose", text, &value); got != tt.want || got && value != "value" {
			t.Errorf("a cookie %s: %v %q", name, got, value)
		}
	}
}

func TestValueIsOpenedForItsPurposeAlone(t *testing.T) {
	s := mustSealer(t, key(1))
	one, err := s.seal("sign-in", "value")
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.seal("sign-in", "value")
	if err != nil || one == other {
		t.Errorf("two equal values are sealed alike: %v", err)
	}
	var value string
	if s.open("session", one, &value) {
		t.Error("a sign-in is a session")
	}
}

func TestKeysAreRefused(t *testing.T) {
	for name, keys := range map[string]string{
		"no key":          "\n",
		"a short key":     base64.StdEncoding.EncodeToString([]byte("short")),
		"text":            "this is not base64!",
		"a bad old key":   key(1) + "short",
		"hexadecimal key": strings.Repeat("ab", keySize),
	} {
		if _, err := newSealer([]byte(keys)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// browserOf returns the cookies that a browser has after an answer.
func browserOf(recorder *httptest.ResponseRecorder, before map[string]string) map[string]string {
	for _, c := range recorder.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(before, c.Name)
			continue
		}
		before[c.Name] = c.Value
	}
	return before
}

func requestWith(cookies map[string]string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func TestValueIsInAsManyCookiesAsItNeeds(t *testing.T) {
	s := mustSealer(t, key(1))
	cookies := map[string]string{}
	for _, tt := range []struct{ size, want int }{{10, 1}, {6000, 3}, {9000, 4}, {3000, 2}, {10, 1}} {
		recorder := httptest.NewRecorder()
		value := strings.Repeat("v", tt.size)
		if err := s.write(recorder, requestWith(cookies), "session", value, time.Hour); err != nil {
			t.Fatal(err)
		}
		cookies = browserOf(recorder, cookies)
		var read string
		if !s.read(requestWith(cookies), "session", &read) || read != value || len(cookies) != tt.want {
			t.Errorf("%d bytes are in %d cookies, want %d", tt.size, len(cookies), tt.want)
		}
	}
	if err := s.write(httptest.NewRecorder(), requestWith(nil), "session", strings.Repeat("v", 20_000), time.Hour); err == nil {
		t.Error("20 kB are in cookies")
	}
}
