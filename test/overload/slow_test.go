package overload_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	// slow is the number of slow clients of each kind.
	slow = 150
	// inFlight is how many requests of one credential are processed at a time: internal/scim/limits.
	inFlight = 256
	// restTimeout is several times the time that a refused client has for the rest of its body.
	restTimeout = 10 * time.Second
)

// request returns the beginning of an HTTP/1.1 request.
func request(lines ...string) string { return strings.Join(lines, "\r\n") }

var _ = Describe("Slow clients", func() {
	It("are disconnected", func(ctx SpecContext) {
		before := measure(ctx)
		var waiting []*heldConnections
		withWellBehavedClients(ctx, func() {
			for _, open := range []struct {
				text   string
				secure bool
			}{
				{"\x16\x03\x01\x02\x00\x01", false},                                                // the beginning of a handshake
				{request("GET /scim/v2/Users HTTP/1.1", "Host: localhost", "X-Slow: "), true},      // … of a header
				{request("GET /scim/v2/Users HTTP/1.1", strings.Repeat("X-Long: x\r\n", 9)), true}, // … of a long one
			} {
				waiting = append(waiting, holdConnections(ctx, slow, sending(open.text, open.secure)))
			}
			for _, c := range waiting {
				Eventually(c.closed.Load).Should(BeEquivalentTo(slow))
			}
		})
		expectRecovery(ctx, before)
	})

	It("cannot hold connections with bodies of refused requests", func(ctx SpecContext) {
		before := measure(ctx)
		withWellBehavedClients(ctx, func() {
			for _, length := range []string{"Content-Length: 1000", "Content-Length: 16000000", "Transfer-Encoding: chunked"} {
				c := holdConnections(ctx, slow/3, sending(request("POST /scim/v2/Users HTTP/1.1", "Host: localhost", "Authorization: Bearer wrong", length, "", ""), true))
				Eventually(c.closed.Load, restTimeout).Should(BeEquivalentTo(slow/3), length)
			}
		})
		expectRecovery(ctx, before)
	})

	It("use up only their own credential's requests in flight", func(ctx SpecContext) {
		before := measure(ctx)
		noisy := connect(noisyToken)
		var silent *heldConnections
		withWellBehavedClients(ctx, func() {
			silent = holdConnections(ctx, inFlight, sending(request("POST /scim/v2/Users HTTP/1.1", "Host: localhost", "Authorization: Bearer "+noisyToken,
				"Content-Type: application/scim+json", "Content-Length: 1000", "", "{"), true))
			Eventually(func() error {
				_, err := noisy.Do(ctx, "GET", "/Users?count=1", "")
				return err
			}).Should(MatchError(ContainSubstring("256 requests of this directory")))
		})
		Expect(measure(ctx)[refusalsMetric("in-flight")]).To(BeNumerically(">", before[refusalsMetric("in-flight")]))
		silent.closeAll()
		Eventually(func() error {
			_, err := noisy.Do(ctx, "GET", "/Users?count=1", "")
			return err
		}).Should(Succeed())
		expectRecovery(ctx, before)
	})
})
