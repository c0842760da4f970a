package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	token  = "cssoscim_0123456789abcdefghijklmnopqrstuvwxyz012345639v4Tm"
	remote = "192.0.2.1:4711"
)

var (
	okta = auth.Principal{Namespace: "acme", Credential: "okta"}
	next = auth.Principal{Namespace: "acme", Credential: "okta-next"}
	rich = auth.Principal{Namespace: "other", Credential: "entra"}
	noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	good = policy.CredentialUse{SlotHeld: true, ExpiresAt: noon.Add(time.Hour)}
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newAuthenticator(o auth.Options) (*auth.Authenticator, *clock) {
	c := &clock{now: noon}
	o.Now = c.Now
	a := auth.New(o)
	a.Keyring().SetCredential(okta, good)
	a.Keyring().SetSecret(okta, auth.HashToken(token))
	return a, c
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// refusal returns why the request is refused; "" if it is accepted.
func refusal(t *testing.T, err error) auth.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var refused *auth.Error
	if !errors.As(err, &refused) {
		t.Fatalf("%v is no *auth.Error", err)
	}
	return refused.Reason
}

func TestAuthorizationHeaders(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		want         auth.Reason
	}{
		{"bearer", "Bearer " + token, ""},
		{"in lower case", "bearer " + token, ""},
		{"in capitals", "BEARER " + token, ""},
		{"more spaces", "  Bearer \t  " + token + "  ", ""},
		{"bare, as some providers' header screens send it", token, ""},
		{"basic, any user", basic("okta", token), ""},
		{"basic, no user", basic("", token), ""},
		{"basic in lower case", "basic" + strings.TrimPrefix(basic("scim", token), "Basic"), ""},
		{"none", "", auth.ReasonMissing},
		{"blank", " \t ", auth.ReasonMissing},
		{"a scheme alone", "Bearer", auth.ReasonMalformed},
		{"a scheme and spaces", "Bearer   ", auth.ReasonMalformed},
		{"basic alone", "Basic ", auth.ReasonMalformed},
		{"basic that is no base64", "Basic %%%", auth.ReasonMalformed},
		{"basic without colon", "Basic " + base64.StdEncoding.EncodeToString([]byte(token)), auth.ReasonMalformed},
		{"basic with the token as user", basic(token, ""), auth.ReasonMalformed},
		{"two tokens", "Bearer " + token + " " + token, auth.ReasonMalformed},
		{"another scheme", "Digest " + token, auth.ReasonMalformed},
		{"too long a token", "Bearer " + strings.Repeat("x", auth.MaxTokenBytes+1), auth.ReasonMalformed},
		{"too long a header", strings.Repeat(" ", 1<<20) + token, auth.ReasonMalformed},
		{"the longest token, unknown", "Bearer " + strings.Repeat("x", auth.MaxTokenBytes), auth.ReasonUnknown},
		{"the longest token as password, unknown", basic("user", strings.Repeat("x", auth.MaxTokenBytes)), auth.ReasonUnknown},
		{"another token", "Bearer x" + token, auth.ReasonUnknown},
		{"a token with something after it", "Bearer " + token + "x", auth.ReasonMistyped},
		{"a token that was cut", "Bearer " + token[:30], auth.ReasonMistyped},
		{"the prefix of tokens", "Bearer " + auth.TokenPrefix, auth.ReasonMistyped},
		{"in another case", "Bearer " + strings.ToUpper(token), auth.ReasonUnknown},
		{"its hash", "Bearer " + auth.HashToken(token).String(), auth.ReasonUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := newAuthenticator(auth.Options{})
			p, err := a.Authenticate(tc.header, remote)
			if got := refusal(t, err); got != tc.want {
				t.Fatalf("refused as %q, want %q", got, tc.want)
			}
			if tc.want == "" && p != okta {
				t.Errorf("principal %s, want %s", p, okta)
			}
			if tc.want != "" && !p.IsZero() {
				t.Errorf("principal %s beside an error", p)
			}
		})
	}
}

func TestKeyring(t *testing.T) {
	hash := auth.HashToken(token)
	with := func(change func(*policy.CredentialUse)) policy.CredentialUse {
		use := good
		change(&use)
		return use
	}
	for _, tc := range []struct {
		name   string
		change func(k *auth.Keyring)
		want   auth.Reason
	}{
		{"disabled", func(k *auth.Keyring) {
			k.SetCredential(okta, with(func(u *policy.CredentialUse) { u.Disabled = true }))
		}, auth.ReasonDisabled},
		{"disabled and enabled", func(k *auth.Keyring) {
			k.SetCredential(okta, with(func(u *policy.CredentialUse) { u.Disabled = true }))
			k.SetCredential(okta, good)
		}, ""},
		{"expired", func(k *auth.Keyring) {
			k.SetCredential(okta, with(func(u *policy.CredentialUse) { u.ExpiresAt = noon }))
		}, auth.ReasonExpired},
		{"being deleted", func(k *auth.Keyring) {
			k.SetCredential(okta, with(func(u *policy.CredentialUse) { u.Terminating = true }))
		}, auth.ReasonDeleted},
		{"without a slot", func(k *auth.Keyring) {
			k.SetCredential(okta, with(func(u *policy.CredentialUse) { u.SlotHeld = false }))
		}, auth.ReasonQuota},
		{"deleted", func(k *auth.Keyring) { k.DeleteCredential(okta) }, auth.ReasonUnknown},
		{"deleted and made again", func(k *auth.Keyring) {
			k.DeleteCredential(okta)
			k.SetCredential(okta, good)
		}, ""},
		{"its Secret deleted", func(k *auth.Keyring) { k.DeleteSecret(okta) }, auth.ReasonUnknown},
		{"its token replaced", func(k *auth.Keyring) { k.SetSecret(okta, auth.HashToken("another")) }, auth.ReasonUnknown},
		{"its token replaced and restored", func(k *auth.Keyring) {
			k.SetSecret(okta, auth.HashToken("another"))
			k.SetSecret(okta, hash)
		}, ""},
		{"told twice", func(k *auth.Keyring) { k.SetSecret(okta, hash); k.SetSecret(okta, hash) }, ""},
		{"another directory's credential has the token", func(k *auth.Keyring) {
			k.SetCredential(rich, good)
			k.SetSecret(rich, hash)
		}, auth.ReasonConflict},
		{"a disabled one has the token", func(k *auth.Keyring) {
			k.SetCredential(next, policy.CredentialUse{Disabled: true})
			k.SetSecret(next, hash)
		}, auth.ReasonConflict},
		{"another had the token", func(k *auth.Keyring) {
			k.SetCredential(rich, good)
			k.SetSecret(rich, hash)
			k.SetSecret(rich, auth.HashToken("its own"))
		}, ""},
		{"another that had the token is gone", func(k *auth.Keyring) {
			k.SetCredential(rich, good)
			k.SetSecret(rich, hash)
			k.DeleteCredential(rich)
		}, ""},
		{"a Secret without a credential has the token", func(k *auth.Keyring) { k.SetSecret(rich, hash) }, ""},
		{"deleted twice", func(k *auth.Keyring) { k.DeleteSecret(okta); k.DeleteSecret(okta) }, auth.ReasonUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := newAuthenticator(auth.Options{})
			tc.change(a.Keyring())
			p, err := a.Authenticate("Bearer "+token, remote)
			if got := refusal(t, err); got != tc.want {
				t.Fatalf("refused as %q, want %q", got, tc.want)
			}
			if tc.want == "" && p != okta {
				t.Errorf("principal %s, want %s", p, okta)
			}
		})
	}
}

func TestExpiryTakesEffectAtItsTime(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{})
	clock.Advance(time.Hour - 1)
	if _, err := a.Authenticate(token, remote); err != nil {
		t.Fatalf("a nanosecond before its end: %v", err)
	}
	clock.Advance(1)
	if _, err := a.Authenticate(token, remote); refusal(t, err) != auth.ReasonExpired {
		t.Fatalf("at its end: %v", err)
	}
}

func TestErrorsNameTheCredentialButNotTheToken(t *testing.T) {
	a, _ := newAuthenticator(auth.Options{})
	use := good
	use.Disabled = true
	a.Keyring().SetCredential(okta, use)
	_, err := a.Authenticate("Bearer "+token, remote)
	if err == nil || !strings.Contains(err.Error(), "disabled") || !strings.Contains(err.Error(), "acme/okta") {
		t.Errorf("%v does not say whose token it was and what is wrong", err)
	}
	if strings.Contains(fmt.Sprintf("%+v", err), token) {
		t.Errorf("%v holds the token", err)
	}
}

func TestRateOfACredential(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{Rate: 0.4, Burst: 3})
	a.Keyring().SetCredential(next, good)
	a.Keyring().SetSecret(next, auth.HashToken("next"))
	for i := range 3 {
		if _, err := a.Authenticate(token, remote); err != nil {
			t.Fatalf("request %d of a burst of 3: %v", i+1, err)
		}
	}
	_, err := a.Authenticate(token, remote)
	var refused *auth.Error
	if !errors.As(err, &refused) || refused.Reason != auth.ReasonRateLimited || refused.RetryAfter != 3 || refused.Principal != okta {
		t.Fatalf("after the burst: %#v; want %s limited, to retry after 3 s (2.5 rounded up)", err, okta)
	}
	if _, err := a.Authenticate("next", remote); err != nil {
		t.Errorf("another credential is limited too: %v", err)
	}
	a.Keyring().SetCredential(okta, good)
	if _, err := a.Authenticate(token, remote); err == nil {
		t.Error("a change of the credential gave it a new burst")
	}
	clock.Advance(time.Duration(refused.RetryAfter) * time.Second)
	if _, err := a.Authenticate(token, remote); err != nil {
		t.Errorf("after the wait it was told: %v", err)
	}
}

func TestDefaultRateServesEntra(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{})
	for range 25 * 60 {
		clock.Advance(time.Second / 25)
		if _, err := a.Authenticate(token, remote); err != nil {
			t.Fatalf("at 25 requests a second: %v", err)
		}
	}
}

func TestFailuresOfAnAddress(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{})
	fail := func(remote string) int {
		_, err := a.Authenticate("Bearer wrong", remote)
		var refused *auth.Error
		if !errors.As(err, &refused) || refused.Reason != auth.ReasonUnknown {
			t.Fatalf("a wrong token: %v", err)
		}
		return refused.RetryAfter
	}
	for i := range auth.FailureBurst {
		if after := fail(remote); after != 0 {
			t.Fatalf("failure %d is told to wait %d s", i+1, after)
		}
	}
	after := fail("192.0.2.1:9999")
	if after != 60/auth.FailuresPerMinute {
		t.Fatalf("after %d failures it is told to wait %d s, want %d", auth.FailureBurst, after, 60/auth.FailuresPerMinute)
	}
	if fail("192.0.2.2:4711") != 0 || fail("[2001:db8::1]:4711") != 0 {
		t.Error("other addresses are told to wait as well")
	}
	if _, err := a.Authenticate(token, remote); err != nil {
		t.Errorf("a good token from the same address is kept out: %v", err)
	}
	clock.Advance(time.Duration(after) * time.Second)
	if fail(remote) != 0 {
		t.Error("after the wait it is told to wait again")
	}
}

func TestAddressesThatCountAsOne(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		same       bool
	}{
		{"two hosts", "192.0.2.1:1", "192.0.2.2:1", false},
		{"with and without port", "192.0.2.1:1", "192.0.2.1", true},
		{"IPv4 in IPv6", "192.0.2.1:1", "[::ffff:192.0.2.1]:2", true},
		{"one IPv6 network", "[2001:db8:0:1::1]:1", "2001:db8:0:1:ffff::2", true},
		{"two IPv6 networks", "[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
		{"zones of one link", "fe80::1%eth0", "fe80::1%eth1", true},
		{"no addresses", "@", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := newAuthenticator(auth.Options{})
			for range auth.FailureBurst {
				_, _ = a.Authenticate("", tc.a)
			}
			_, err := a.Authenticate("", tc.b)
			var refused *auth.Error
			if !errors.As(err, &refused) || (refused.RetryAfter > 0) != tc.same {
				t.Errorf("count as one: %v, want %v", !tc.same, tc.same)
			}
		})
	}
}

func TestFailingAddressesAreBounded(t *testing.T) {
	a, _ := newAuthenticator(auth.Options{})
	for range auth.FailureBurst {
		_, _ = a.Authenticate("", "198.51.100.1")
	}
	for i := range 2 * auth.MaxFailingAddresses {
		_, _ = a.Authenticate("", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	_, err := a.Authenticate("", "198.51.100.1")
	var refused *auth.Error
	if !errors.As(err, &refused) || refused.RetryAfter != 0 {
		t.Errorf("%v: an address is remembered beyond the %d that are", err, auth.MaxFailingAddresses)
	}
}

// This test is for the race detector.
func TestConcurrentUse(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{Rate: 1e9, Burst: 1e9})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			mine := auth.Principal{Namespace: "acme", Credential: fmt.Sprint(worker)}
			for i := range 200 {
				secret := fmt.Sprintf("token-%d-%d", worker, i)
				a.Keyring().SetCredential(mine, good)
				a.Keyring().SetSecret(mine, auth.HashToken(secret))
				if p, err := a.Authenticate(secret, remote); err != nil || p != mine {
					t.Errorf("own token: %s, %v", p, err)
				}
				if _, err := a.Authenticate(token, remote); err != nil {
					t.Errorf("common token: %v", err)
				}
				a.Keyring().DeleteSecret(mine)
				a.Keyring().DeleteCredential(mine)
				if _, err := a.Authenticate(secret, remote); err == nil {
					t.Error("a revoked token authenticates")
				}
				clock.Advance(time.Millisecond)
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, credentials := range []int{2, 2_000, 200_000} {
		a, _ := newAuthenticator(auth.Options{Rate: 1e9, Burst: 1e9})
		for i := range credentials - 1 {
			p := auth.Principal{Namespace: fmt.Sprint(i), Credential: "okta"}
			a.Keyring().SetCredential(p, good)
			a.Keyring().SetSecret(p, auth.HashToken(fmt.Sprint(i)))
		}
		for name, header := range map[string]string{"good": "Bearer " + token, "unknown": "Bearer " + token + "x"} {
			b.Run(fmt.Sprintf("%s/credentials=%d", name, credentials), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						_, _ = a.Authenticate(header, remote)
					}
				})
			})
		}
	}
}

// A directory's budget applies to its present and future credentials, and to no other directory's. After it is
// removed, the default applies again.
func TestDirectoryHasItsOwnBudget(t *testing.T) {
	a, c := newAuthenticator(auth.Options{Rate: 1, Burst: 10})
	a.Keyring().SetCredential(rich, good)
	a.Keyring().SetSecret(rich, auth.HashToken("another"+token))
	allowed := func(header string) (n int) {
		c.Advance(time.Hour) // a full bucket
		a.Keyring().SetCredential(okta, policy.CredentialUse{SlotHeld: true, ExpiresAt: c.Now().Add(time.Hour)})
		a.Keyring().SetCredential(rich, policy.CredentialUse{SlotHeld: true, ExpiresAt: c.Now().Add(time.Hour)})
		for range 100 {
			if _, err := a.Authenticate(header, remote); err == nil {
				n++
			} else if got := refusal(t, err); got != auth.ReasonRateLimited {
				t.Fatalf("refused: %s", got)
			}
		}
		return n
	}
	if n := allowed("Bearer " + token); n != 10 {
		t.Errorf("%d of a burst of 10", n)
	}
	a.Keyring().SetBudget(okta.Namespace, &auth.Budget{Rate: 5, Burst: 30})
	if n, others := allowed("Bearer "+token), allowed("Bearer another"+token); n != 30 || others != 10 {
		t.Errorf("%d of a burst of 30, %d of one of 10", n, others)
	}
	a.Keyring().SetCredential(next, policy.CredentialUse{SlotHeld: true, ExpiresAt: c.Now().Add(2 * time.Hour)})
	a.Keyring().SetSecret(next, auth.HashToken("next"+token))
	if n := allowed("Bearer next" + token); n != 30 {
		t.Errorf("%d of a burst of 30, of a credential that came later", n)
	}
	a.Keyring().SetBudget(okta.Namespace, nil)
	if n := allowed("Bearer " + token); n != 10 {
		t.Errorf("%d of the usual burst of 10", n)
	}
}
