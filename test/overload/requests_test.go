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
	// requests is several times the burst of the wild one's directory.
	requests = 1500
	// senders send at a time.
	senders = 24
	// largeBodies are sent in each of the two ways, at a time.
	largeBodies = 8
	// mostValues are nearly as many JSON values as a body may have: internal/scim/limits.
	mostValues = 519_900
	// largeBody is its length, in bytes, about half of what is taken.
	largeBody = 8 << 20
)

// wildLimit is set on the wild one's directory: little enough to be beyond on any machine.
var wildLimit = v1alpha1.RateLimit{RequestsPerSecond: 20, Burst: 300}

// answers are how many answers there were of each status.
type answers struct {
	mu       sync.Mutex
	byStatus map[int]int
}

// reply is an answer, as far as anybody looks at it.
type reply struct {
	status     int
	retryAfter string
}

// note counts an answer. One that is to be asked for again says when: in whole seconds, all that Okta understands.
func (a *answers) note(r reply) {
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

// volley sends requests, some at a time, and returns what was answered. Each is to be answered.
func volley(n, atATime int, send func(i int) reply) map[int]int {
	GinkgoHelper()
	got := &answers{byStatus: map[int]int{}}
	var all sync.WaitGroup
	var next atomic.Int64
	for range atATime {
		all.Go(func() {
			defer GinkgoRecover()
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				got.note(send(i))
			}
		})
	}
	all.Wait()
	AddReportEntry(fmt.Sprintf("answered: %v", got.byStatus))
	return got.byStatus
}

// sender sends requests with a token; a body whose length is negative is sent in chunks.
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

// groupOf is a group that is so long, with something in it that nobody knows.
func groupOf(name string, length int) string {
	const each = 50_000
	var b strings.Builder
	b.WriteString(`{"displayName":"` + name + `"`)
	for i := 0; b.Len() < length; i++ {
		fmt.Fprintf(&b, `,"x%d":"%s"`, i, strings.Repeat("x", each))
	}
	return b.String() + "}"
}

var _ = Describe("too much", func() {
	It("of one credential is refused to it alone", func(ctx SpecContext) {
		setLimit(ctx, wildNamespace, &wildLimit)
		DeferCleanup(func(ctx SpecContext) { setLimit(ctx, wildNamespace, nil) })
		before := measure(ctx)
		send := sender(ctx, wildToken)
		beside(ctx, func() {
			got := volley(requests, senders, func(int) reply {
				return send("GET", "/Users?count=1", http.NoBody, 0)
			})
			Expect(got).To(And(HaveLen(2), HaveKey(http.StatusOK), HaveKey(http.StatusTooManyRequests)))
			Expect(got[http.StatusTooManyRequests]).To(BeNumerically(">", requests/4))
		})
		Expect(measure(ctx)[refusals("rate-limited")]).To(BeNumerically(">", before[refusals("rate-limited")]+requests/4))
		subsides(ctx, before)
	})

	It("of what nobody may send is refused to whoever sends it", func(ctx SpecContext) {
		before := measure(ctx)
		send := sender(ctx, "wrong")
		try := func(int) reply { return send("GET", "/Users?count=1", http.NoBody, 0) }
		// Another spec may just have used up what an address may try.
		Eventually(func() map[int]int { return volley(1, 1, try) }).WithTimeout(time.Minute).Should(HaveKey(http.StatusUnauthorized))
		beside(ctx, func() {
			got := volley(requests, senders, try)
			Expect(got).To(HaveKey(http.StatusTooManyRequests))
			delete(got, http.StatusTooManyRequests)
			delete(got, http.StatusUnauthorized)
			Expect(got).To(BeEmpty())
		})
		subsides(ctx, before)
	})

	It("in one body waits for its turn, and leaves one to others", func(ctx SpecContext) {
		before := measure(ctx)
		body := groupOf("Everyone", largeBody)
		send, other := sender(ctx, wildToken), sender(ctx, environment.Token)
		beside(ctx, func() {
			got := volley(2*largeBodies, 2*largeBodies, func(i int) reply {
				if i == 2*largeBodies { // while the others are at it
					large := groupOf("Staff "+newTag(), largeBody/4)
					answer := other("POST", "/Groups", strings.NewReader(large), int64(len(large)))
					Expect(answer.status).To(Equal(http.StatusCreated))
					return answer
				}
				length := int64(len(body))
				if i%2 == 0 {
					length = -1
				}
				return send("PUT", "/Groups/nobody-x7k2p", io.NopCloser(strings.NewReader(body)), length)
			})
			Expect(got[http.StatusNotFound]).To(BeNumerically(">=", 2))
			Expect(got[http.StatusNotFound] + got[http.StatusTooManyRequests]).To(Equal(2*largeBodies - 1))
		})
		subsides(ctx, before)
	})

	It("in JSON that takes fifty times its bytes is bounded", func(ctx SpecContext) {
		before := measure(ctx)
		send := sender(ctx, wildToken)
		for _, hostile := range []struct{ n, atATime, values int }{{largeBodies, largeBodies, mostValues}, {requests / 10, senders, mostValues / 40}} {
			text := `{"displayName":"Everyone","x":[` + strings.Repeat(`{"a":0},`, hostile.values/2) + `{}]}`
			beside(ctx, func() {
				volley(hostile.n, hostile.atATime, func(int) reply {
					return send("PUT", "/Groups/nobody-x7k2p", io.NopCloser(strings.NewReader(text)), int64(len(text)))
				})
			})
		}
		subsides(ctx, before)
	})
})
