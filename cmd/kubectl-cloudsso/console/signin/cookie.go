package signin

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// keySize is that of AES-256.
	keySize = 32
	// maxCookieValue leaves room for a cookie's name and attributes in the 4096 bytes that each browser keeps (RFC 6265
	// section 6.1).
	maxCookieValue = 3800
	// maxParts bounds the cookies of a value: 15 kB hold an ID token with some hundred groups, and proxies limit headers to 16 kB
	// or less.
	maxParts = 4
	// hostPrefix makes browsers refuse a cookie that is not of this very host or was not set over TLS, so that no other host of
	// the domain can plant one.
	hostPrefix = "__Host-cloudsso-"
)

// sealer encrypts and authenticates what browsers keep. Replicas with the same keys open each other's cookies.
type sealer struct {
	aeads []cipher.AEAD // the first one seals
}

func newSealer(keys []byte) (*sealer, error) {
	s := &sealer{}
	for i, line := range bytes.Fields(keys) {
		key, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(key) != keySize {
			return nil, fmt.Errorf("key %d of cookies is not %d bytes in base64: make one with openssl rand -base64 %d", i+1, keySize, keySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s.aeads = append(s.aeads, aead)
	}
	if len(s.aeads) == 0 {
		return nil, errors.New("the file with the keys of cookies is empty")
	}
	return s, nil
}

// seal returns a value as text. Only open of the same purpose returns it again.
func (s *sealer) seal(purpose string, value any) (string, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	sealed := s.aeads[0].Seal(nil, nil, plain, []byte(purpose)) //nolint:gosec // G407: this AEAD draws a nonce of its own
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open reads a value, and reports whether it was sealed for the purpose.
func (s *sealer) open(purpose, text string, value any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	for _, aead := range s.aeads {
		if plain, err := aead.Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return json.Unmarshal(plain, value) == nil
		}
	}
	return false
}

// partName returns the name of one cookie of a value.
func partName(name string, part int) string { return hostPrefix + name + partSuffix(part) }

func partSuffix(part int) string { return "-" + strconv.Itoa(part) }

// errTooLarge says that a value needs too many cookies.
var errTooLarge = errors.New("the value is too large for cookies")

// write puts a value into cookies for a time, in place of an earlier one. The first cookie begins with their number.
func (s *sealer) write(w http.ResponseWriter, r *http.Request, name string, value any, life time.Duration) error {
	text, err := s.seal(name, value)
	if err != nil {
		return err
	}
	parts := (len(text) + maxCookieValue - 1) / maxCookieValue
	if parts > maxParts {
		return errTooLarge
	}
	for i := range parts {
		part := text[i*maxCookieValue : min((i+1)*maxCookieValue, len(text))]
		if i == 0 {
			part = strconv.Itoa(parts) + "." + part
		}
		http.SetCookie(w, newCookie(partName(name, i), part, int(life.Seconds())))
	}
	clearCookies(w, r, name, parts)
	return nil
}

// newCookie returns a cookie that scripts cannot read. SameSite is Lax and not Strict, because the redirect of the provider back
// to the console, and a link in a mail, come from another site. Lax lets no form of another site send it.
func newCookie(name, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// read reads a value from the cookies of a request, and reports whether there is one that write has written.
func (s *sealer) read(r *http.Request, name string, value any) bool {
	first, err := r.Cookie(partName(name, 0))
	if err != nil {
		return false
	}
	number, text, _ := strings.Cut(first.Value, ".")
	parts, err := strconv.Atoi(number)
	if err != nil || parts < 1 || parts > maxParts {
		return false
	}
	for i := 1; i < parts; i++ {
		next, err := r.Cookie(partName(name, i))
		if err != nil {
			return false
		}
		text += next.Value
	}
	return s.open(name, text, value)
}

// clearCookies removes the cookies of a value from the browser, but for the first ones.
func clearCookies(w http.ResponseWriter, r *http.Request, name string, but int) {
	for i := but; i < maxParts; i++ {
		if _, err := r.Cookie(partName(name, i)); err == nil {
			http.SetCookie(w, newCookie(partName(name, i), "", -1))
		}
	}
}
