//go:build console

package console_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
)

// crawled are the addresses of crawl, of the first spec that asked for them.
var crawled []string

// addresses returns the addresses of pages, and that of one page of each other kind that the admin can reach from them by links, so
// that a page that is added to the console is looked at by every spec that looks at all pages.
func addresses(ctx context.Context) []string {
	GinkgoHelper()
	if crawled == nil {
		crawled = crawl(ctx, signIn(ctx, admin))
	}
	return crawled
}

// lasting are the objects that no spec deletes, by the segment of an address that comes before the name.
func lasting() map[string]string {
	return map[string]string{"users": users[alice], "groups": engineers, "credentials": quickstart.CredentialName, "access": assignment}
}

// crawl follows the links of pages, and returns the addresses in the order in which they were found.
func crawl(ctx context.Context, v *visitor) (found []string) {
	GinkgoHelper()
	seen := map[string]bool{}
	for waiting := slices.Sorted(maps.Keys(pages())); len(waiting) > 0; waiting = waiting[1:] {
		answer := v.get(ctx, waiting[0])
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			continue // a table to download
		}
		Expect(answer.StatusCode).To(Equal(http.StatusOK), "%s: %s", waiting[0], answer.text())
		found = append(found, waiting[0])
		for _, link := range answer.all("a") {
			target, err := answer.Request.URL.Parse(attribute(link, "href"))
			Expect(err).NotTo(HaveOccurred())
			if target.Host != answer.Request.URL.Host || seen[kindOf(target)] || !strings.HasPrefix(target.Path, directory("")) || !lasts(target) {
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

// firstName is the place of the first name of an object in an address, such as /directories/acme/users/alice.
const firstName = 4

// lasts reports whether an address names no object, or one that no spec deletes.
func lasts(address *url.URL) bool {
	segments, names := strings.Split(address.Path, "/"), lasting()
	for i := firstName; i < len(segments); i++ {
		if name := names[segments[i-1]]; name != "" && segments[i] != name {
			return false
		}
	}
	user := address.Query().Get("user") // of a decision
	return user == "" || user == names["users"]
}

// kindOf returns what addresses of the same kind of page have in common: the path without names of objects, and the names of the
// parameters.
func kindOf(address *url.URL) string {
	segments := strings.Split(address.Path, "/")
	for i := firstName; i < len(segments); i++ {
		if lasting()[segments[i-1]] != "" {
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
