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
	// streams is how many an HTTP/2 connection may have: cmd/manager/scim.go.
	streams = 100
	// hoards open streams; together more than there may be answers that nobody takes.
	hoards = 50
	// unanswered is how many of those there may be: internal/scim/limits.
	unanswered = 1024
	// resets is how many streams one client opens and takes back at once.
	resets = 5000
)

// hoard opens streams on one connection and never takes a byte of their answers.
func hoard(ctx context.Context, n int, token string, reset bool) (net.Conn, error) {
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
			return secure, nil //nolint:nilerr // the other end has had enough: what it is to do
		}
		if reset {
			if err := framer.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
				return secure, nil //nolint:nilerr // as above
			}
		}
	}
	return secure, nil
}

var _ = Describe("streams of HTTP/2", func() {
	hoarded := func(ctx context.Context, connections, n int, token string, reset bool) *crowd {
		GinkgoHelper()
		return gather(ctx, connections, func(ctx context.Context) (net.Conn, error) {
			return hoard(ctx, n, token, reset)
		})
	}

	DescribeTable("whose answers nobody takes are bounded", func(ctx SpecContext, token func() string) {
		before := measure(ctx)
		var held *crowd
		beside(ctx, func() {
			held = hoarded(ctx, hoards, streams, token(), false)
			Expect(visit(ctx)).To(Succeed())
			Eventually(func() float64 { return measure(ctx)[goroutines] }).Should(BeNumerically("<", before[goroutines]+unanswered+4*hoards+othersGoroutines))
			AddReportEntry(fmt.Sprintf("%.0f goroutines when the others have been cut off", measure(ctx)[goroutines]))
		})
		held.disperse()
		subsides(ctx, before)
	},
		Entry("of strangers", func() string { return "wrong" }),
		Entry("of a credential", func() string { return wildToken }),
	)

	It("that are taken back at once cost little", func(ctx SpecContext) {
		before := measure(ctx)
		beside(ctx, func() {
			var all sync.WaitGroup
			all.Go(func() {
				defer GinkgoRecover()
				hoarded(ctx, diallers, resets/diallers, wildToken, true)
			})
			all.Wait()
		})
		subsides(ctx, before)
	})
})
