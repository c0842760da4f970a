package auth_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const remote = "192.0.2.1:4711"

var (
	token = tokenOf("acme", 1)
	okta  = auth.Principal{Namespace: "acme", Credential: "okta"}
	next  = auth.Principal{Namespace: "acme", Credential: "okta-next"}
	rich  = auth.Principal{Namespace: "other", Credential: "entra"}
	noon  = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	good  = policy.CredentialUse{SlotHeld: true, ExpiresAt: noon.Add(time.Hour)}
)

// tokenOf returns the token of a namespace whose random bytes are all n.
func tokenOf(namespace string, n byte) string {
	token, err := auth.NewToken(bytes.NewReader(bytes.Repeat([]byte{n}, 32)), namespace)
	if err != nil {
		panic(err)
	}
	return token
}

// bearer returns the Authorization headers of a request with a token.
func bearer(token string) []string { return []string{"Bearer " + token} }

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
	a.Keyring().SetCredential(okta, auth.HashToken(token), good)
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
		{"two tokens", "Bearer " + token + " " + token, auth.ReasonMistyped},
		{"another scheme", "Digest " + token, auth.ReasonMalformed},
		{"too long a header", strings.Repeat(" ", 1<<20) + token, auth.ReasonMalformed},
		{"a token of another form", "Bearer " + strings.Repeat("x", 64), auth.ReasonMalformed},
		{"something before the token", "Bearer x" + token, auth.ReasonMalformed},
		{"something after the token", "Bearer " + token + "x", auth.ReasonMistyped},
		{"a token that was cut", "Bearer " + token[:30], auth.ReasonMistyped},
		{"the prefix of tokens", "Bearer " + auth.TokenPrefix, auth.ReasonMistyped},
		{"in another case", "Bearer " + strings.ToUpper(token), auth.ReasonMalformed},
		{"its hash", "Bearer " + auth.HashToken(token).String(), auth.ReasonMalformed},
		{"another token", "Bearer " + tokenOf("acme", 2), auth.ReasonUnknown},
		{"the longest token, unknown", "Bearer " + tokenOf(strings.Repeat("x", 63), 1), auth.ReasonUnknown},
		{"the longest token as password after a long user, unknown", basic(strings.Repeat("u", 320), tokenOf(strings.Repeat("x", 63), 1)), auth.ReasonUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := newAuthenticator(auth.Options{})
			p, err := a.Authenticate([]string{tc.header}, remote)
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

// Of two headers neither is read, whichever has the token.
func TestSecondHeaderIsRefused(t *testing.T) {
	a, _ := newAuthenticator(auth.Options{})
	for _, headers := range [][]string{{"Bearer " + token, "Bearer " + token}, {"Bearer " + token, ""}, {"", "Bearer " + token}} {
		if _, err := a.Authenticate(headers, remote); refusal(t, err) != auth.ReasonAmbiguous {
			t.Errorf("%q: %v", headers, err)
		}
	}
	if _, err := a.Authenticate(nil, remote); refusal(t, err) != auth.ReasonMissing {
		t.Errorf("without a header: %v", err)
	}
}

func TestKeyring(t *testing.T) {
	hash, another := auth.HashToken(token), auth.HashToken(tokenOf("acme", 2))
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
			k.SetCredential(okta, hash, with(func(u *policy.CredentialUse) { u.Disabled = true }))
		}, auth.ReasonDisabled},
		{"disabled and enabled", func(k *auth.Keyring) {
			k.SetCredential(okta, hash, with(func(u *policy.CredentialUse) { u.Disabled = true }))
			k.SetCredential(okta, hash, good)
		}, ""},
		{"expired", func(k *auth.Keyring) {
			k.SetCredential(okta, hash, with(func(u *policy.CredentialUse) { u.ExpiresAt = noon }))
		}, auth.ReasonExpired},
		{"without the time of its end", func(k *auth.Keyring) {
			k.SetCredential(okta, hash, with(func(u *policy.CredentialUse) { u.ExpiresAt = time.Time{} }))
		}, auth.ReasonPending},
		{"being deleted", func(k *auth.Keyring) {
			k.SetCredential(okta, hash, with(func(u *policy.CredentialUse) { u.Terminating = true }))
		}, auth.ReasonDeleted},
		{"without a slot", func(k *auth.Keyring) {
			k.SetCredential(okta, hash, with(func(u *policy.CredentialUse) { u.SlotHeld = false }))
		}, auth.ReasonQuota},
		{"without a token", func(k *auth.Keyring) { k.SetCredential(okta, auth.TokenHash{}, good) }, auth.ReasonUnknown},
		{"deleted", func(k *auth.Keyring) { k.DeleteCredential(okta) }, auth.ReasonUnknown},
		{"deleted twice", func(k *auth.Keyring) { k.DeleteCredential(okta); k.DeleteCredential(okta) }, auth.ReasonUnknown},
		{"deleted and created again with the same token", func(k *auth.Keyring) {
			k.DeleteCredential(okta)
			k.SetCredential(okta, hash, good)
		}, ""},
		{"deleted and created again with another token", func(k *auth.Keyring) {
			k.DeleteCredential(okta)
			k.SetCredential(okta, another, good)
		}, auth.ReasonUnknown},
		{"another token, without a deletion seen", func(k *auth.Keyring) { k.SetCredential(okta, another, good) }, auth.ReasonUnknown},
		{"told twice", func(k *auth.Keyring) { k.SetCredential(okta, hash, good) }, ""},
		{"another namespace's credential has the hash", func(k *auth.Keyring) { k.SetCredential(rich, hash, good) }, ""},
		{"another credential of the directory has the token", func(k *auth.Keyring) { k.SetCredential(next, hash, good) }, auth.ReasonConflict},
		{"a disabled one of the directory has the token", func(k *auth.Keyring) {
			k.SetCredential(next, hash, policy.CredentialUse{Disabled: true})
		}, auth.ReasonConflict},
		{"another of the directory had the token", func(k *auth.Keyring) {
			k.SetCredential(next, hash, good)
			k.DeleteCredential(next)
		}, ""},
		{"the other credential of the directory is deleted", func(k *auth.Keyring) {
			k.SetCredential(next, another, good)
			k.DeleteCredential(next)
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := newAuthenticator(auth.Options{})
			tc.change(a.Keyring())
			p, err := a.Authenticate(bearer(token), remote)
			if got := refusal(t, err); got != tc.want {
				t.Fatalf("refused as %q, want %q", got, tc.want)
			}
			if tc.want == "" && p != okta {
				t.Errorf("principal %s, want %s", p, okta)
			}
		})
	}
}

// A hash that is copied into another namespace matches no token: neither the original, which names its own namespace, nor
// the original with the other namespace in it, which has another hash.
func TestTokenOpensItsOwnNamespaceAlone(t *testing.T) {
	a, _ := newAuthenticator(auth.Options{})
	a.Keyring().DeleteCredential(okta)
	a.Keyring().SetCredential(rich, auth.HashToken(token), good)
	for _, presented := range []string{token, tokenOf(rich.Namespace, 1)} {
		if p, err := a.Authenticate(bearer(presented), remote); refusal(t, err) != auth.ReasonUnknown {
			t.Errorf("%s: %s, %v", presented, p, err)
		}
	}
}

// With the zero hash a credential has no token, so credentials without a token are in no conflict.
func TestCredentialsWithoutTokenAreNotInConflict(t *testing.T) {
	a, _ := newAuthenticator(auth.Options{})
	a.Keyring().SetCredential(next, auth.TokenHash{}, good)
	a.Keyring().SetCredential(auth.Principal{Namespace: "acme", Credential: "third"}, auth.TokenHash{}, good)
	a.Keyring().SetCredential(next, auth.HashToken(tokenOf("acme", 3)), good)
	if p, err := a.Authenticate(bearer(tokenOf("acme", 3)), remote); err != nil || p != next {
		t.Errorf("%s, %v", p, err)
	}
}

func TestExpiryTakesEffectAtItsTime(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{})
	clock.Advance(time.Hour - 1)
	if _, err := a.Authenticate([]string{token}, remote); err != nil {
		t.Fatalf("a nanosecond before its end: %v", err)
	}
	clock.Advance(1)
	if _, err := a.Authenticate([]string{token}, remote); refusal(t, err) != auth.ReasonExpired {
		t.Fatalf("at its end: %v", err)
	}
}

func TestErrorsNameTheCredentialButNotTheToken(t *testing.T) {
	a, _ := newAuthenticator(auth.Options{})
	use := good
	use.Disabled = true
	a.Keyring().SetCredential(okta, auth.HashToken(token), use)
	_, err := a.Authenticate(bearer(token), remote)
	if err == nil || !strings.Contains(err.Error(), "disabled") || !strings.Contains(err.Error(), "acme/okta") {
		t.Errorf("%v does not say whose token it was and what is wrong", err)
	}
	if strings.Contains(fmt.Sprintf("%+v", err), token) {
		t.Errorf("%v holds the token", err)
	}
}

func TestRateOfACredential(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{Rate: 0.4, Burst: 3})
	a.Keyring().SetCredential(next, auth.HashToken(tokenOf("acme", 2)), good)
	for i := range 3 {
		if _, err := a.Authenticate([]string{token}, remote); err != nil {
			t.Fatalf("request %d of a burst of 3: %v", i+1, err)
		}
	}
	_, err := a.Authenticate([]string{token}, remote)
	var refused *auth.Error
	if !errors.As(err, &refused) || refused.Reason != auth.ReasonRateLimited || refused.RetryAfter != 3 || refused.Principal != okta {
		t.Fatalf("after the burst: %#v; want %s limited, to retry after 3 s (2.5 rounded up)", err, okta)
	}
	if _, err := a.Authenticate(bearer(tokenOf("acme", 2)), remote); err != nil {
		t.Errorf("another credential is limited too: %v", err)
	}
	a.Keyring().SetCredential(okta, auth.HashToken(token), good)
	if _, err := a.Authenticate([]string{token}, remote); err == nil {
		t.Error("a change of the credential gave it a new burst")
	}
	clock.Advance(time.Duration(refused.RetryAfter) * time.Second)
	if _, err := a.Authenticate([]string{token}, remote); err != nil {
		t.Errorf("after the wait it was told: %v", err)
	}
}

func TestDefaultRateServesEntra(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{})
	for range 25 * 60 {
		clock.Advance(time.Second / 25)
		if _, err := a.Authenticate([]string{token}, remote); err != nil {
			t.Fatalf("at 25 requests a second: %v", err)
		}
	}
}

func TestFailuresOfAnAddress(t *testing.T) {
	a, clock := newAuthenticator(auth.Options{})
	fail := func(remote string) int {
		_, err := a.Authenticate(bearer("wrong"), remote)
		var refused *auth.Error
		if !errors.As(err, &refused) || refused.Reason != auth.ReasonMalformed {
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
	if _, err := a.Authenticate([]string{token}, remote); err != nil {
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
				_, _ = a.Authenticate(nil, tc.a)
			}
			_, err := a.Authenticate(nil, tc.b)
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
		_, _ = a.Authenticate(nil, "198.51.100.1")
	}
	for i := range 2 * auth.MaxFailingAddresses {
		_, _ = a.Authenticate(nil, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	_, err := a.Authenticate(nil, "198.51.100.1")
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
			for range 200 {
				own := newToken(t, "acme")
				a.Keyring().SetCredential(mine, auth.HashToken(own), good)
				if p, err := a.Authenticate(bearer(own), remote); err != nil || p != mine {
					t.Errorf("own token: %s, %v", p, err)
				}
				if _, err := a.Authenticate([]string{token}, remote); err != nil {
					t.Errorf("common token: %v", err)
				}
				a.Keyring().DeleteCredential(mine)
				if _, err := a.Authenticate(bearer(own), remote); err == nil {
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
			a.Keyring().SetCredential(p, auth.HashToken(fmt.Sprint(i)), good)
		}
		for name, header := range map[string][]string{"good": bearer(token), "unknown": bearer(tokenOf("acme", 2)), "mistyped": bearer(token + "x")} {
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

// MaxRate is the greatest rate of a directory, and ten times that rate its greatest burst.
func TestOperatorBoundsTheBudgetOfADirectory(t *testing.T) {
	a, c := newAuthenticator(auth.Options{MaxRate: 4})
	a.Keyring().SetCredential(okta, auth.HashToken(token), policy.CredentialUse{SlotHeld: true, ExpiresAt: c.Now().Add(time.Hour)})
	for _, budget := range []*auth.Budget{nil, {Rate: 1_000_000, Burst: 1_000_000}} {
		a.Keyring().SetBudget(okta.Namespace, budget)
		c.Advance(time.Minute) // a full bucket
		accepted := 0
		for range 100 {
			if _, err := a.Authenticate(bearer(token), remote); err == nil {
				accepted++
			}
		}
		if accepted != 40 {
			t.Errorf("%d requests at once, want ten times the greatest rate of 4", accepted)
		}
	}
}

// A directory's budget applies to its present and future credentials, and to no other directory's. After it is
// removed, the default applies again.
func TestDirectoryHasItsOwnBudget(t *testing.T) {
	a, c := newAuthenticator(auth.Options{Rate: 1, Burst: 10})
	later, others := tokenOf("acme", 2), tokenOf("other", 1)
	until := func(d time.Duration) policy.CredentialUse {
		return policy.CredentialUse{SlotHeld: true, ExpiresAt: c.Now().Add(d)}
	}
	allowed := func(presented string) (n int) {
		c.Advance(time.Hour) // a full bucket
		a.Keyring().SetCredential(okta, auth.HashToken(token), until(time.Hour))
		a.Keyring().SetCredential(rich, auth.HashToken(others), until(time.Hour))
		for range 100 {
			if _, err := a.Authenticate(bearer(presented), remote); err == nil {
				n++
			} else if got := refusal(t, err); got != auth.ReasonRateLimited {
				t.Fatalf("refused: %s", got)
			}
		}
		return n
	}
	if n := allowed(token); n != 10 {
		t.Errorf("%d of a burst of 10", n)
	}
	a.Keyring().SetBudget(okta.Namespace, &auth.Budget{Rate: 5, Burst: 30})
	if n, m := allowed(token), allowed(others); n != 30 || m != 10 {
		t.Errorf("%d of a burst of 30, %d of one of 10", n, m)
	}
	a.Keyring().SetCredential(next, auth.HashToken(later), until(2*time.Hour))
	if n := allowed(later); n != 30 {
		t.Errorf("%d of a burst of 30, of a credential that was created later", n)
	}
	a.Keyring().SetBudget(okta.Namespace, nil)
	if n := allowed(token); n != 10 {
		t.Errorf("%d of the default burst of 10", n)
	}
}

func TestTokenIsAcceptedFromTheAllowedNetworksOnly(t *testing.T) {
	networks := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	for _, c := range []struct {
		networks []netip.Prefix
		remote   string
		want     auth.Reason
	}{
		{nil, "192.0.2.1:4711", ""},
		{nil, "not an address", ""},
		{networks("192.0.2.0/24"), "192.0.2.1:4711", ""},
		{networks("192.0.2.0/24"), "192.0.2.1", ""},
		{networks("192.0.2.0/24"), "[::ffff:192.0.2.1]:4711", ""},
		{networks("203.0.113.0/24", "192.0.2.0/24"), "192.0.2.1", ""},
		{networks("2001:db8::/32"), "[2001:db8::1%eth0]:4711", ""},
		{networks("192.0.2.0/24"), "192.0.3.1:4711", auth.ReasonNetwork},
		{networks("0.0.0.0/0"), "[2001:db8::1]:4711", auth.ReasonNetwork},
		{networks("0.0.0.0/0"), "not an address", auth.ReasonNetwork},
		{[]netip.Prefix{}, "192.0.2.1", auth.ReasonNetwork},
	} {
		a, _ := newAuthenticator(auth.Options{})
		use := good
		use.Networks = c.networks
		a.Keyring().SetCredential(okta, auth.HashToken(token), use)
		p, err := a.Authenticate(bearer(token), c.remote)
		if got := refusal(t, err); got != c.want {
			t.Errorf("%v from %s: %q, want %q", c.networks, c.remote, got, c.want)
		}
		var refused *auth.Error
		if errors.As(err, &refused) {
			p = refused.Principal
		}
		if p != okta {
			t.Errorf("%v from %s: the credential is %v", c.networks, c.remote, p)
		}
		if _, err := a.Authenticate(bearer(tokenOf("acme", 2)), c.remote); refusal(t, err) != auth.ReasonUnknown {
			t.Errorf("an unknown token from %s: %v", c.remote, err)
		}
	}
}
