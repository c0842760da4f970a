package overload_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

const (
	// requests is how many requests the noisy client sends: several times its burst.
	requests = 1500
	// senders is how many of them are sent at a time.
	senders = 24
	// largeBodies is how many large bodies are sent at a time, with a Content-Length and as many in chunks.
	largeBodies = 8
	// mostValues is slightly less than how many JSON values a body may have: internal/scim/limits.
	mostValues = 519_900
	// largeBody is the length of a large body in bytes: about half of the limit.
	largeBody = 8 << 20
)

// noisyLimit is the rate limit of the noisy client's directory: low enough to be exceeded on any machine.
var noisyLimit = v1alpha1.RateLimit{RequestsPerSecond: 20, Burst: 300}

// statusCounts counts responses by status.
type statusCounts struct {
	mu       sync.Mutex
	byStatus map[int]int
}

// reply has the parts of a response that the specs compare.
type reply struct {
	status     int
	retryAfter string
}

// add counts a response. A 429 or 503 must have a Retry-After in whole seconds, the only form that Okta understands.
func (a *statusCounts) add(r reply) {
	GinkgoHelper()
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		seconds, err := strconv.Atoi(r.retryAfter)
		Expect(err).NotTo(HaveOccurred())
		Expect(seconds).To(BeNumerically(">", 0))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byStatus[r.status]++
}

// sendAll sends n requests, some at a time, and returns the number of responses by status.
func sendAll(n, atATime int, send func(i int) reply) map[int]int {
	GinkgoHelper()
	got := &statusCounts{byStatus: map[int]int{}}
	var all sync.WaitGroup
	var next atomic.Int64
	for range atATime {
		all.Go(func() {
			defer GinkgoRecover()
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				got.add(send(i))
			}
		})
	}
	all.Wait()
	AddReportEntry(fmt.Sprintf("answered: %v", got.byStatus))
	return got.byStatus
}

// sender returns a function that sends requests with a token. It sends a body with a negative length in chunks.
func sender(ctx context.Context, token string) func(method, path string, body io.Reader, length int64) reply {
	GinkgoHelper()
	c, err := provider.New(environment.BaseURL, token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	transport, ok := c.HTTP.Transport.(*http.Transport)
	Expect(ok).To(BeTrue())
	transport.ForceAttemptHTTP2, transport.MaxIdleConnsPerHost = false, senders
	DeferCleanup(c.HTTP.CloseIdleConnections)
	return func(method, path string, body io.Reader, length int64) reply {
		GinkgoHelper()
		r, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, body)
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/scim+json")
		r.ContentLength = length
		response, err := c.HTTP.Do(r)
		Expect(err).NotTo(HaveOccurred())
		_, err = io.Copy(io.Discard, response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		return reply{response.StatusCode, response.Header.Get("Retry-After")}
	}
}

// groupOf returns the JSON of a group of that length, with unknown attributes.
func groupOf(name string, length int) string {
	const each = 50_000
	var b strings.Builder
	b.WriteString(`{"displayName":"` + name + `"`)
	for i := 0; b.Len() < length; i++ {
		fmt.Fprintf(&b, `,"x%d":"%s"`, i, strings.Repeat("x", each))
	}
	return b.String() + "}"
}

var _ = Describe("Too much load", func() {
	It("by one credential is refused only for that credential", func(ctx SpecContext) {
		setLimit(ctx, noisyNamespace, &noisyLimit)
		DeferCleanup(func(ctx SpecContext) { setLimit(ctx, noisyNamespace, nil) })
		before := measure(ctx)
		send := sender(ctx, noisyToken)
		withWellBehavedClients(ctx, func() {
			got := sendAll(requests, senders, func(int) reply {
				return send("GET", "/Users?count=1", http.NoBody, 0)
			})
			Expect(got).To(And(HaveLen(2), HaveKey(http.StatusOK), HaveKey(http.StatusTooManyRequests)))
			Expect(got[http.StatusTooManyRequests]).To(BeNumerically(">", requests/4))
		})
		Expect(measure(ctx)[refusalsMetric("rate-limited")]).To(BeNumerically(">", before[refusalsMetric("rate-limited")]+requests/4))
		expectRecovery(ctx, before)
	})

	It("without a valid token is slowed down for its address", func(ctx SpecContext) {
		before := measure(ctx)
		send := sender(ctx, "wrong")
		try := func(int) reply { return send("GET", "/Users?count=1", http.NoBody, 0) }
		// Another spec may just have used up the attempts of this address.
		Eventually(func() map[int]int { return sendAll(1, 1, try) }).WithTimeout(time.Minute).Should(HaveKey(http.StatusUnauthorized))
		withWellBehavedClients(ctx, func() {
			got := sendAll(requests, senders, try)
			Expect(got).To(HaveKey(http.StatusTooManyRequests))
			delete(got, http.StatusTooManyRequests)
			delete(got, http.StatusUnauthorized)
			Expect(got).To(BeEmpty())
		})
		expectRecovery(ctx, before)
	})

	It("by large bodies is refused, and leaves room for the large body of another credential", func(ctx SpecContext) {
		before := measure(ctx)
		body := groupOf("Everyone", largeBody)
		send, other := sender(ctx, noisyToken), sender(ctx, environment.Token)
		withWellBehavedClients(ctx, func() {
			got := sendAll(2*largeBodies, 2*largeBodies, func(i int) reply {
				if i == 2*largeBodies { // while the others are in progress
					large := groupOf("Staff "+newTag(), largeBody/4)
					answer := other("POST", "/Groups", strings.NewReader(large), int64(len(large)))
					Expect(answer.status).To(Equal(http.StatusCreated))
					return answer
				}
				length := int64(len(body))
				if i%2 == 0 {
					length = -1
				}
				return send("PUT", "/Groups/absent-x7k2p", io.NopCloser(strings.NewReader(body)), length)
			})
			Expect(got[http.StatusNotFound]).To(BeNumerically(">=", 2))
			Expect(got[http.StatusNotFound] + got[http.StatusTooManyRequests]).To(Equal(2*largeBodies - 1))
		})
		expectRecovery(ctx, before)
	})

	It("by JSON that takes fifty times its length in memory is bounded", func(ctx SpecContext) {
		before := measure(ctx)
		send := sender(ctx, noisyToken)
		for _, hostile := range []struct{ n, atATime, values int }{{largeBodies, largeBodies, mostValues}, {requests / 10, senders, mostValues / 40}} {
			text := `{"displayName":"Everyone","x":[` + strings.Repeat(`{"a":0},`, hostile.values/2) + `{}]}`
			withWellBehavedClients(ctx, func() {
				sendAll(hostile.n, hostile.atATime, func(int) reply {
					return send("PUT", "/Groups/absent-x7k2p", io.NopCloser(strings.NewReader(text)), int64(len(text)))
				})
			})
		}
		expectRecovery(ctx, before)
	})
})
