package overload_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// streams is how many streams an HTTP/2 connection may have: internal/httpserver/limits.go.
	streams = 100
	// streamConnections is how many connections hold streams: together more streams than unread responses.
	streamConnections = 50
	// unread is how many responses of one credential may wait to be read: internal/scim/limits.
	unread = 1024
	// resets is how many streams one client opens and resets at once.
	resets = 5000
)

// openUnreadStreams opens streams on one connection and reads none of their responses. With reset it resets each.
func openUnreadStreams(ctx context.Context, n int, token string, reset bool) (net.Conn, error) {
	GinkgoHelper()
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, &tls.Config{RootCAs: roots(), ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	framer := http2.NewFramer(secure, nil)
	if _, err := secure.Write([]byte(http2.ClientPreface)); err != nil {
		return nil, err
	}
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		return nil, err
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range n {
		block.Reset()
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/scim/v2/Users?count=1"}, {"authorization", "Bearer " + token}} {
			if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
				return nil, err
			}
		}
		id := uint32(2*i + 1)
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
			return secure, nil //nolint:nilerr // the server may close the connection
		}
		if reset {
			if err := framer.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
				return secure, nil //nolint:nilerr // the server may close the connection
			}
		}
	}
	return secure, nil
}

var _ = Describe("HTTP/2 streams", func() {
	holdStreams := func(ctx context.Context, connections, n int, token string, reset bool) *heldConnections {
		GinkgoHelper()
		return holdConnections(ctx, connections, func(ctx context.Context) (net.Conn, error) {
			return openUnreadStreams(ctx, n, token, reset)
		})
	}

	DescribeTable("with unread responses are bounded", func(ctx SpecContext, token func() string) {
		before := measure(ctx)
		var held *heldConnections
		withWellBehavedClients(ctx, func() {
			held = holdStreams(ctx, streamConnections, streams, token(), false)
			Expect(queryOnce(ctx)).To(Succeed())
			Eventually(func() float64 { return measure(ctx)[goroutines] }).Should(BeNumerically("<", before[goroutines]+unread+4*streamConnections+goroutineMargin))
			AddReportEntry(fmt.Sprintf("%.0f goroutines after the excess streams were refused", measure(ctx)[goroutines]))
		})
		held.closeAll()
		expectRecovery(ctx, before)
	},
		Entry("with an invalid token", func() string { return "wrong" }),
		Entry("of a credential", func() string { return noisyToken }),
	)

	It("that are reset at once cost little", func(ctx SpecContext) {
		before := measure(ctx)
		withWellBehavedClients(ctx, func() {
			var all sync.WaitGroup
			all.Go(func() {
				defer GinkgoRecover()
				holdStreams(ctx, openers, resets/openers, noisyToken, true)
			})
			all.Wait()
		})
		expectRecovery(ctx, before)
	})
})
