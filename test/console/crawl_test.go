//go:build console

package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// crawled are the addresses of crawl, of the first spec that asked for them.
var (
	crawlOnce sync.Once
	crawled   []string
)

// addresses returns the address of one page of each kind that the admin can reach by links, so that a page that is added to the
// console is looked at by every spec that looks at all pages.
func addresses(ctx context.Context) []string {
	GinkgoHelper()
	crawlOnce.Do(func() { crawled = crawl(ctx, signIn(ctx, admin)) })
	Expect(crawled).To(ContainElements(directory(""), directory("users"), directory("groups"), directory("settings")))
	return crawled
}

// crawl follows the links of pages from the first one, and returns the addresses in the order in which they were found.
func crawl(ctx context.Context, v *visitor) (found []string) {
	GinkgoHelper()
	seen := map[string]bool{}
	for waiting := []string{directory("")}; len(waiting) > 0; waiting = waiting[1:] {
		answer := v.get(ctx, waiting[0])
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			continue // a table to download
		}
		Expect(answer.StatusCode).To(Equal(http.StatusOK), "%s: %s", waiting[0], answer.text())
		found = append(found, waiting[0])
		for _, link := range answer.all("a") {
			target, err := answer.Request.URL.Parse(attribute(link, "href"))
			Expect(err).NotTo(HaveOccurred())
			if target.Host != answer.Request.URL.Host || seen[kindOf(target)] || !strings.HasPrefix(target.Path, directory("")) {
				continue
			}
			seen[kindOf(target)] = true
			target.Fragment = ""
			if address := target.RequestURI(); !slices.Contains(found, address) && !slices.Contains(waiting, address) {
				waiting = append(waiting, address)
			}
		}
	}
	return found
}

// kindOf returns what addresses of the same kind of page have in common: the path without names of objects, and the names of the
// parameters.
func kindOf(address *url.URL) string {
	segments := strings.Split(address.Path, "/")
	for i := 4; i < len(segments); i++ { // after /directories/acme/users
		if slices.Contains([]string{"users", "groups", "credentials", "access"}, segments[i-1]) {
			segments[i] = "*"
		}
	}
	var parameters []string
	for name := range address.Query() {
		parameters = append(parameters, name)
	}
	slices.Sort(parameters)
	return strings.Join(segments, "/") + "?" + strings.Join(parameters, "&")
}
