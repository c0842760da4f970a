package okta_test

import (
	"encoding/json"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/collector"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// linesOf returns the lines of a log that are about a request. The last line is left out while it is being written.
func linesOf(path, requestID string) (lines []map[string]any) {
	GinkgoHelper()
	log, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, requestID) || !strings.HasSuffix(line, "\n") {
			continue
		}
		var fields map[string]any
		Expect(json.Unmarshal([]byte(line), &fields)).To(Succeed(), line)
		lines = append(lines, fields)
	}
	return lines
}

// spansOf returns the spans of the trace that has the span of a request, once that has arrived.
func spansOf(requestID string) (server collector.Span, calls []collector.Span) {
	GinkgoHelper()
	Eventually(func() (found []collector.Span) {
		for _, s := range traces.Spans() {
			if s.Attributes["cloudsso.request.id"] == requestID {
				found = append(found, s)
			}
		}
		if len(found) == 1 {
			server = found[0]
		}
		return found
	}).Should(HaveLen(1))
	for _, s := range traces.Trace(server.ID()) {
		if s.Name != server.Name {
			calls = append(calls, s)
		}
	}
	return server, calls
}

var _ = Describe("a trace", func() {
	It("has a request and its calls of the API server, and both logs have its id", func(ctx SpecContext) {
		created := send(ctx, 201, "POST", "/Users", newUser(unique("traced"), "00utraced"))
		requestID := created.Header.Get("X-Request-Id")
		server, calls := spansOf(requestID)
		Expect(server.Name).To(Equal("Create User"))
		Expect(server.Attributes).To(And(
			HaveKeyWithValue("cloudsso.directory", environment.Namespace), HaveKeyWithValue("cloudsso.credential", "okta"),
			HaveKeyWithValue("http.route", "/scim/v2/Users"), HaveKeyWithValue("http.response.status_code", "201"),
		))
		var names []string
		for _, call := range calls {
			Expect(call.ParentSpanId).To(Equal(server.SpanId), call.Name)
			Expect(call.StartTimeUnixNano).To(BeNumerically(">=", server.StartTimeUnixNano))
			Expect(call.EndTimeUnixNano).To(BeNumerically("<=", server.EndTimeUnixNano))
			names = append(names, call.Name)
		}
		const directory = "POST /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/"
		Expect(names).To(ContainElements(directory+"cloudssonameclaims", directory+"cloudssousers"))

		for _, log := range []string{environment.LogFile(), auditLog} {
			Eventually(linesOf).WithArguments(log, requestID).Should(ConsistOf(And(
				HaveKeyWithValue("msg", "Resource Created"), HaveKeyWithValue("traceID", server.ID()),
			)), log)
		}
		last, err := json.Marshal(user(ctx, created.ID()).Annotations)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(last)).To(ContainSubstring(requestID)) // so the object leads to the trace
	})

	It("of a client without an accepted credential is not begun", func(ctx SpecContext) {
		stranger := &provider.Client{BaseURL: okta.BaseURL, Token: "not-the-token", HTTP: okta.HTTP}
		refused, err := stranger.Do(ctx, "GET", "/Users?count=1", "")
		Expect(err).NotTo(HaveOccurred())
		Eventually(linesOf).WithArguments(environment.LogFile(), refused.Header.Get("X-Request-Id")).Should(ConsistOf(Not(HaveKey("traceID"))))
		later := send(ctx, 404, "GET", "/Users/nothing", "")
		spansOf(later.Header.Get("X-Request-Id")) // a batch has the spans in their order
		for _, s := range traces.Spans() {
			Expect(s.Attributes["cloudsso.request.id"]).NotTo(Equal(refused.Header.Get("X-Request-Id")))
		}
	})

	It("has nothing of a person and no token", func(ctx SpecContext) {
		const person, externalID = "zoefromtraces", "00uzoesid"
		name := unique(person)
		id := send(ctx, 201, "POST", "/Users", newUser(name, externalID)).ID()
		send(ctx, 409, "POST", "/Users", newUser(name, externalID))
		send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "")
		send(ctx, 400, "GET", "/Users"+byFilter("%s eq", name), "")
		send(ctx, 200, "PATCH", "/Users/"+id, patch(`[{"op":"replace","path":"displayName","value":"`+person+`"}]`))
		group := send(ctx, 201, "POST", "/Groups", `{"schemas":["`+groupURN+`"],"displayName":"`+name+`","members":[{"value":"`+id+`"},{"value":"`+person+`"}]}`)
		send(ctx, 200, "POST", "/Bulk", bulk(id))
		send(ctx, 204, "DELETE", "/Groups/"+group.ID(), "")
		send(ctx, 204, "DELETE", "/Users/"+id, "")
		last := send(ctx, 404, "GET", "/Users/"+id, "")
		spansOf(last.Header.Get("X-Request-Id"))
		random := strings.Split(environment.Token, "_")[2]
		for _, secret := range []string{person, externalID, id, random, "127.0.0.1:"} {
			found, err := traces.Contains(secret)
			Expect(err).NotTo(HaveOccurred())
			Expect(found).To(BeFalse(), "%q was exported", secret)
		}
	})
})

// bulk returns the body of a bulk request that deactivates a user.
func bulk(id string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PATCH","path":"/Users/` + id + `","data":` +
		patch(`[{"op":"replace","value":{"active":false}}]`) + `}]}`
}

// startCollector starts what the manager exports its traces to, and returns the flag for it.
func startCollector() (flag string) {
	GinkgoHelper()
	var err error
	traces, err = collector.Start("127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(traces.Stop)
	return "--tracing-endpoint=http://" + traces.Address()
}
