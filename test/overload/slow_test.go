package overload_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	// slow is how many slow clients there are of each kind.
	slow = 150
	// inFlight is how many requests of one credential are worked on at a time: internal/scim/limits.
	inFlight = 256
	// restTimeout is some times what a refused client has to send the rest of its body.
	restTimeout = 5 * time.Second
)

// request is one of HTTP/1.1, as far as it goes.
func request(lines ...string) string { return strings.Join(lines, "\r\n") }

var _ = Describe("slow clients", func() {
	It("are not waited for", func(ctx SpecContext) {
		before := measure(ctx)
		var waiting []*crowd
		beside(ctx, func() {
			for _, open := range []struct {
				what   string
				secure bool
			}{
				{"\x16\x03\x01\x02\x00\x01", false},                                                // the beginning of a handshake
				{request("GET /scim/v2/Users HTTP/1.1", "Host: localhost", "X-Slow: "), true},      // … of a header
				{request("GET /scim/v2/Users HTTP/1.1", strings.Repeat("X-Long: x\r\n", 9)), true}, // … of a long one
			} {
				waiting = append(waiting, gather(ctx, slow, saying(open.what, open.secure)))
			}
			for _, c := range waiting {
				Eventually(c.gone.Load).Should(BeEquivalentTo(slow))
			}
		})
		subsides(ctx, before)
	})

	It("do not hold connections with bodies that nobody wants", func(ctx SpecContext) {
		before := measure(ctx)
		beside(ctx, func() {
			for _, length := range []string{"Content-Length: 1000", "Content-Length: 16000000", "Transfer-Encoding: chunked"} {
				c := gather(ctx, slow/3, saying(request("POST /scim/v2/Users HTTP/1.1", "Host: localhost", "Authorization: Bearer wrong", length, "", ""), true))
				Eventually(c.gone.Load, restTimeout).Should(BeEquivalentTo(slow/3), length)
			}
		})
		subsides(ctx, before)
	})

	It("use up their own credential's share of requests", func(ctx SpecContext) {
		before := measure(ctx)
		wild := connect(wildToken)
		var silent *crowd
		beside(ctx, func() {
			silent = gather(ctx, inFlight, saying(request("POST /scim/v2/Users HTTP/1.1", "Host: localhost", "Authorization: Bearer "+wildToken,
				"Content-Type: application/scim+json", "Content-Length: 1000", "", "{"), true))
			Eventually(func() error {
				_, err := wild.Do(ctx, "GET", "/Users?count=1", "")
				return err
			}).Should(MatchError(ContainSubstring("256 requests of this credential")))
		})
		Expect(measure(ctx)[refusals("in-flight")]).To(BeNumerically(">", before[refusals("in-flight")]))
		silent.disperse()
		Eventually(func() error {
			_, err := wild.Do(ctx, "GET", "/Users?count=1", "")
			return err
		}).Should(Succeed())
		subsides(ctx, before)
	})
})
