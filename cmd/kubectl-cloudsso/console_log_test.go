package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

// received are the events of a stream.
type received struct {
	mu     sync.Mutex
	events []string // name and data
	latest string   // id
}

func (r *received) add(name, id, data string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.latest = append(r.events, name+" "+data), id
}

// all returns the events, one a line.
func (r *received) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, "\n")
}

// listen opens a stream until the end of the spec, or until leave is called.
func listen(ctx context.Context, server *httptest.Server, path, lastID string) (events *received, leave func()) {
	GinkgoHelper()
	listening, leave := context.WithCancel(ctx)
	DeferCleanup(leave)
	request, err := http.NewRequestWithContext(listening, http.MethodGet, server.URL+path, nil)
	Expect(err).NotTo(HaveOccurred())
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := server.Client().Do(request) //nolint:bodyclose // closed at the end of the spec
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(response.Body.Close)
	Expect(response).To(HaveHTTPHeaderWithValue("Content-Type", "text/event-stream"))
	events = &received{}
	go eventsOf(response.Body, events.add)
	return events, leave
}

var _ = Describe("the log of the console", func() {
	const page, stream = "/directories/" + namespace + "/log", "/directories/" + namespace + "/log/stream"
	var system string // the operator's namespace
	var node *kubelet
	var began time.Time

	write := func(ctx context.Context, pod string, ago time.Duration, r audit.Record) {
		node.write(system, pod, began.Add(-ago), provisioning(ctx, r))
	}
	created := func(id string) audit.Record {
		return audit.Record{Event: audit.ResourceCreated, RequestID: id, Namespace: namespace, Credential: "okta", ResourceType: "User", ID: "user-000", UserName: "user000@EXAMPLE.com", Status: 201}
	}

	BeforeEach(func(ctx SpecContext) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "operator-"}}
		Expect(cluster.Create(ctx, ns)).To(Succeed())
		system, began = ns.Name, time.Now()
		node = startKubelet(ctx)
		node.run(ctx, system, "a")
		node.run(ctx, system, "b")
	})

	It("shows the lines of all replicas, the newest first, and what to do", func(ctx SpecContext) {
		write(ctx, "a", time.Hour, created("first"))
		write(ctx, "b", 40*time.Minute, audit.Record{Event: audit.AuthenticationRefused, RequestID: "second", Namespace: namespace, Credential: "entra", Reason: "expired", Status: 401})
		write(ctx, "a", 30*time.Minute, audit.Record{Event: audit.RequestRefused, RequestID: "third", Namespace: namespace, Credential: "okta", ResourceType: "User", UserName: "<script>x</script>", SCIMType: "uniqueness", Detail: "taken\u202e", Status: 409})
		write(ctx, "a", 20*time.Minute, audit.Record{Event: audit.ResourceCreated, RequestID: "elsewhere", Namespace: "another", Status: 201})
		write(ctx, "b", 10*time.Minute, audit.Record{Event: audit.AuthenticationRefused, RequestID: "unplaced", Reason: "missing", Status: 401})
		server := openPages(kubeconfig, system)
		_, body, _ := load(ctx, server, page)
		order := []int{strings.Index(body, ">third<"), strings.Index(body, ">second<"), strings.Index(body, ">first<")}
		Expect(order).To(HaveEach(BeNumerically(">", 0)))
		Expect(order[0] < order[1] && order[1] < order[2]).To(BeTrue(), "the newest first")
		Expect(body).To(And(
			ContainSubstring(`<a href="/directories/default/users/user-000">User/user000@EXAMPLE.com</a>`),
			ContainSubstring("The credential has expired. Create a new one, and enter its token in Okta."),
			ContainSubstring("Another user or group has the name"),
			ContainSubstring("&lt;script&gt;x&lt;/script&gt;"), ContainSubstring("taken&lt;U+202E&gt;"),
			Not(ContainSubstring("elsewhere")), Not(ContainSubstring("unplaced")),
		))
		for query, want := range map[string][]string{
			"?outcome=refused": {"third", "second"}, "?outcome=Created": {}, "?credential=entra": {"second"}, "?user=USER000@example.com": {"first"},
			"?since=minutes": {}, "?unknown=1&since=all": {"unplaced", "third", "second", "first"}, "?outcome=Resource+Created": {"first"},
		} {
			_, body, _ := load(ctx, server, page+query)
			var got []string
			for _, id := range []string{"elsewhere", "unplaced", "third", "second", "first"} {
				if strings.Contains(body, ">"+id+"<") {
					got = append(got, id)
				}
			}
			Expect(got).To(HaveExactElements(want), query)
		}
	})

	It("is part of the page of a user, with the requests about the user alone", func(ctx SpecContext) {
		write(ctx, "a", time.Hour, created("first"))
		write(ctx, "b", 40*time.Minute, audit.Record{Event: audit.ResourceModified, RequestID: "second", Namespace: namespace, Credential: "entra", ResourceType: "User", ID: "user-000", Status: 200})
		write(ctx, "a", 30*time.Minute, audit.Record{Event: audit.ResourceModified, RequestID: "third", Namespace: namespace, Credential: "okta", ResourceType: "User", ID: "user-001", Status: 200})
		const user = "/directories/" + namespace + "/users/user-000"
		server := openPages(kubeconfig, system)
		_, body, _ := load(ctx, server, user)
		Expect(body).To(ContainSubstring(`hx-get="` + user + `/requests" hx-trigger="revealed"`))
		_, body, _ = load(ctx, server, user+"/requests")
		Expect(body).To(And(HavePrefix(`<section id="requests"`), ContainSubstring(">second<"), ContainSubstring(">first<"), Not(ContainSubstring(">third<")),
			ContainSubstring(`href="/directories/default/log?since=all&amp;user=user-000"`)))
		Expect(strings.Index(body, ">second<")).To(BeNumerically("<", strings.Index(body, ">first<")), "the newest first")
		_, body, _ = load(ctx, openPages(unpermitted, system), user+"/requests")
		Expect(body).To(And(HavePrefix(`<section id="requests"`), ContainSubstring("cannot be read"), ContainSubstring("forbidden")))
	})

	It("sends the lines that follow, and those that a lost connection has missed", func(ctx SpecContext) {
		server := openPages(kubeconfig, system)
		events, leave := listen(ctx, server, stream+"?since=day&outcome=Resource+Created", "")
		node.write(system, "b", time.Now(), provisioning(ctx, created("live-1")))
		Eventually(events.all).WithTimeout(time.Minute).Should(And(ContainSubstring("rows <tr id="), ContainSubstring("<code>live-1</code>")))
		leave()
		node.write(system, "a", time.Now(), provisioning(ctx, created("live-2")))
		again, _ := listen(ctx, server, stream+"?since=day&outcome=Resource+Created", events.latest)
		Eventually(again.all).WithTimeout(time.Minute).Should(ContainSubstring("<code>live-2</code>"))
	})

	It("shows a person who may not read the log the last changes and Events", func(ctx SpecContext) {
		server := openPages(kubeconfig, "no-operator-here")
		_, body, _ := load(ctx, server, page)
		Expect(body).To(And(ContainSubstring("So these are the last change of each user and group"), ContainSubstring("namespace no-operator-here has no Pod with the label"), Not(ContainSubstring("<td>Modify</td>"))))
		_, body, _ = load(ctx, server, page+"?whole=1&since=all&user=user-007")
		Expect(body).To(And(ContainSubstring("<td>Modify</td>"), ContainSubstring("<code>request-1</code>"), ContainSubstring(`users/user-007"`), Not(ContainSubstring(`users/user-008"`))))
		Expect(body).To(And(ContainSubstring("give that one below"), ContainSubstring(`name="operator" value="no-operator-here"`), Not(ContainSubstring("--operator-namespace"))))
		_, body, _ = load(ctx, server, page+"?operator="+system)
		Expect(body).NotTo(ContainSubstring("So these are the last change"), "the person has named another operator")
		events, _ := listen(ctx, server, stream+"?since=all", "")
		Eventually(events.all).WithTimeout(time.Minute).Should(And(
			ContainSubstring("status Reading the directory: 500 of about "), ContainSubstring("<code>request-1</code>"),
			ContainSubstring("status The whole directory was read."), HaveSuffix("end "),
		))
	})

	It("says in the API server's words which right is missing", func(ctx SpecContext) {
		status, body, _ := load(ctx, openPages(unpermitted, system), page)
		Expect(status).To(Equal(http.StatusForbidden))
		Expect(body).To(ContainSubstring(`cannot list resource &#34;pods&#34;`))
	})
})
