package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

// openPages serves the pages of the console as the account of a kubeconfig, for the time of a spec.
func openPages(account, operatorNamespace string) *httptest.Server {
	GinkgoHelper()
	config, err := clientcmd.BuildConfigFromFlags("", account)
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	c, err := plugin.ConnectWith(config)
	Expect(err).NotTo(HaveOccurred())
	session := &pages.Session{Client: c, Config: config, CSRFToken: rand.Text()}
	server := httptest.NewServer(pages.New(pages.Options{
		Session:   func(*http.Request) (*pages.Session, error) { return session, nil },
		Namespace: namespace, OperatorNamespace: operatorNamespace, Now: time.Now, Random: rand.Reader,
	}))
	DeferCleanup(server.Close)
	return server
}

// load returns the status and the body of a page, and how long they took.
func load(ctx context.Context, server *httptest.Server, path string) (status int, body string, took time.Duration) {
	GinkgoHelper()
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := server.Client().Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(text), time.Since(began)
}

var (
	userLink = regexp.MustCompile(`<th scope="row"><a href="/directories/[^/]+/users/([^"]+)">`)
	nextRows = regexp.MustCompile(`hx-get="([^"]+/rows\?[^"]+)"`)
	reading  = regexp.MustCompile(`data-read="(\d+)" data-total="(\d+)"`)
)

// namesShown returns the metadata.names of the users that a page shows, in its order.
func namesShown(body string) (names []string) {
	for _, match := range userLink.FindAllStringSubmatch(body, -1) {
		names = append(names, match[1])
	}
	return names
}

// nextOf returns the address of the part after a part; "" after the last.
func nextOf(body string) string {
	if match := nextRows.FindStringSubmatch(body); match != nil {
		return html.UnescapeString(match[1])
	}
	return ""
}

// crowdVariable is the variable with the number of users that the search is tried with.
const crowdVariable = "CONSOLE_USERS"

// The figures that hold on two cores for a directory of 100,000 users. A smaller one is no measurement.
const (
	measuredUsers = 100_000
	firstPageTime = 300 * time.Millisecond
	exactTime     = 200 * time.Millisecond
	firstHitTime  = time.Second
)

// crowd is a directory of many users.
const crowd = "crowd"

// crowdSize returns how many users it has: by default more than two parts of a search read.
func crowdSize() int {
	if size, err := strconv.Atoi(os.Getenv(crowdVariable)); err == nil {
		return size
	}
	return 4000
}

func crowdName(i int) string { return fmt.Sprintf("user-%06d", i) }

// createCrowd creates the users. Each third one is deactivated, and each thousandth one is Manual. The last one has a claim.
func createCrowd(ctx context.Context) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowd}})).To(Succeed())
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	fast, err := plugin.ConnectWith(config)
	Expect(err).NotTo(HaveOccurred())
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(32)
	for i := range crowdSize() {
		u := newUser(crowdName(i), fmt.Sprintf("Given%d.Family@example.com", i))
		u.Namespace = crowd
		u.Spec.DisplayName, u.Spec.ExternalID = fmt.Sprintf("Given Family %d", i), fmt.Sprintf("00u%d", i)
		u.Spec.Emails = []v1alpha1.MultiValue{{Value: u.Spec.UserName, Type: "work"}}
		if i%3 == 1 {
			u.Spec.Active = new(false)
		}
		if i%1000 == 999 {
			u.Spec.Source = v1alpha1.SourceManual
		}
		writers.Go(func() error { return fast.Create(writing, u) })
	}
	Expect(writers.Wait()).To(Succeed())
	last := crowdSize() - 1
	claim := newClaim(nameclaim.UserName(crowd, fmt.Sprintf("given%d.family@example.com", last)), crowdName(last))
	claim.Namespace = crowd
	Expect(cluster.Create(ctx, claim)).To(Succeed())
}

var _ = Describe("the search of the console", Ordered, ContinueOnFailure, func() {
	const users = "/directories/" + crowd + "/users"
	last := crowdSize() - 1
	var server *httptest.Server

	BeforeAll(func(ctx SpecContext) {
		createCrowd(ctx)
		server = openPages(kubeconfig, "")
		DeferCleanup(func(ctx SpecContext) {
			Eventually(func() error { // an API server ends each request after a minute
				return cluster.DeleteAllOf(ctx, &v1alpha1.CloudSSOUser{}, client.InNamespace(crowd))
			}).WithTimeout(30 * time.Minute).Should(Succeed())
		}, NodeTimeout(30*time.Minute))
	}, NodeTimeout(30*time.Minute))

	// within expects that what took a time is as fast as a large directory has to be.
	within := func(what string, took, limit time.Duration) {
		GinkgoHelper()
		GinkgoWriter.Printf("%s: %s\n", what, took)
		if crowdSize() >= measuredUsers {
			Expect(took).To(BeNumerically("<=", limit), what)
		}
	}
	search := func(query ...string) string {
		values := url.Values{}
		for i := 0; i < len(query); i += 2 {
			values.Set(query[i], query[i+1])
		}
		return users + "?" + values.Encode()
	}
	// fastest returns a page, and the shortest of three times: the first one pays for connections.
	fastest := func(ctx context.Context, path string) (body string, took time.Duration) {
		GinkgoHelper()
		took = time.Hour
		for range 3 {
			status, text, time := load(ctx, server, path)
			Expect(status).To(Equal(http.StatusOK), text)
			body, took = text, min(took, time)
		}
		return body, took
	}
	// readOn returns the names on a page and on all parts that the page reads by itself, and how many parts.
	readOn := func(ctx context.Context, path string) (names []string, parts int) {
		GinkgoHelper()
		_, body, _ := load(ctx, server, path)
		names = namesShown(body)
		for strings.Contains(body, "data-reading") {
			_, body, _ = load(ctx, server, nextOf(body))
			names = append(names, namesShown(body)...)
			parts++
		}
		return names, parts
	}

	It("shows the first page of a large directory", func(ctx SpecContext) {
		body, took := fastest(ctx, users)
		within("first page", took, firstPageTime)
		Expect(namesShown(body)).To(HaveLen(100))
		Expect(body).To(ContainSubstring(fmt.Sprintf("(%d more)", crowdSize()-100)))
		_, body, _ = load(ctx, server, nextOf(body))
		Expect(namesShown(body)).To(HaveLen(100))
		Expect(namesShown(body)[0]).To(Equal(crowdName(100)))
	})

	DescribeTable("finds at once", func(ctx SpecContext, text string) {
		body, took := fastest(ctx, search("q", fmt.Sprintf(text, last)))
		within(text, took, exactTime)
		Expect(body).To(ContainSubstring("Named exactly so"))
		Expect(namesShown(body)).To(Equal([]string{crowdName(last)}), "before the search has come to it")
	},
		Entry("a userName in any case", "GIVEN%d.family@EXAMPLE.com"),
		Entry("an externalId", "00u%d"),
		Entry("a displayName", "Given Family %d"),
		Entry("a metadata.name", "user-%06d"),
	)

	It("shows no exact user of another state or source", func(ctx SpecContext) {
		body, _ := fastest(ctx, search("q", fmt.Sprintf("00u%d", last), "state", "Deprovisioned"))
		Expect(body).NotTo(ContainSubstring("Named exactly so"))
	})

	It("reads on in parts, and says how far it is", func(ctx SpecContext) {
		body, took := fastest(ctx, search("q", "given1.family"))
		within("first hit", took, firstHitTime)
		Expect(namesShown(body)).To(Equal([]string{crowdName(1)}))
		Expect(reading.FindStringSubmatch(body)).To(Equal([]string{fmt.Sprintf(`data-read="600" data-total="%d"`, crowdSize()), "600", strconv.Itoa(crowdSize())}))
		names, parts := readOn(ctx, search("q", fmt.Sprintf("ven%d.fam", last)))
		Expect(names).To(Equal([]string{crowdName(last)}))
		Expect(parts).To(BeNumerically(">=", 2))
		_, body, took = load(ctx, server, nextOf(body))
		within("a part", took, firstHitTime)
		Expect(body).NotTo(ContainSubstring("<html"), "a part is rows alone")
	})

	It("filters by state and source", func(ctx SpecContext) {
		names, _ := readOn(ctx, search("source", "Manual"))
		Expect(names[:3]).To(Equal([]string{crowdName(999), crowdName(1999), crowdName(2999)}))
		names, _ = readOn(ctx, search("state", "Disabled", "source", "Manual"))
		Expect(names[:1]).To(Equal([]string{crowdName(1999)}))
		names, _ = readOn(ctx, search("state", "Conflict"))
		Expect(names).To(BeEmpty())
	})

	It("rests when it has found a page of users, and goes on when it is asked to", func(ctx SpecContext) {
		_, body, _ := load(ctx, server, search("q", "family"))
		Expect(len(namesShown(body))).To(And(BeNumerically(">=", 100), BeNumerically("<=", 600)))
		Expect(body).To(And(ContainSubstring("Show more"), Not(ContainSubstring("data-reading"))))
		_, next, _ := load(ctx, server, nextOf(body))
		Expect(len(namesShown(next))).To(And(BeNumerically(">=", 100), BeNumerically("<=", 600)))
		Expect(namesShown(next)).NotTo(ContainElement(namesShown(body)[0]))
	})

	It("shows each part by its own address to a browser without scripts", func(ctx SpecContext) {
		_, body, _ := load(ctx, server, search("q", "given"))
		status, page, _ := load(ctx, server, strings.Replace(nextOf(body), "/rows?", "?", 1))
		Expect(status).To(Equal(http.StatusOK))
		Expect(page).To(And(ContainSubstring("<h1>Users</h1>"), ContainSubstring(`value="given"`)))
		Expect(namesShown(page)).NotTo(BeEmpty())
	})

	It("goes on with the list as it is now if the former one is not kept any more", func(ctx SpecContext) {
		compact(ctx)
		_, body, _ := load(ctx, server, search("q", "given"))
		address, err := url.Parse(nextOf(body))
		Expect(err).NotTo(HaveOccurred())
		values := address.Query()
		values.Set("continue", ofFirstRevision(values.Get("continue")))
		shown := namesShown(body)
		status, next, _ := load(ctx, server, address.Path+"?"+values.Encode())
		Expect(status).To(Equal(http.StatusOK), next)
		Expect(next).To(ContainSubstring("The directory has changed since the rows above were read."))
		Expect(namesShown(next)[0] > shown[len(shown)-1]).To(BeTrue(), "%s after %s", namesShown(next)[0], shown[len(shown)-1])
	})

	It("keeps the rows if a part cannot be read, and offers to try again", func(ctx SpecContext) {
		status, body, _ := load(ctx, server, users+"/rows?q=x&continue=broken")
		Expect(status).To(Equal(http.StatusInternalServerError))
		Expect(body).To(And(HavePrefix(`<tr class="rest"`), ContainSubstring("continue key is not valid"), ContainSubstring(`users/rows?q=x&amp;continue=broken"`)))
	})

	It("stops to read when the browser goes", func(ctx SpecContext) {
		var asked atomic.Int32
		through := openPages(proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if !strings.HasSuffix(r.URL.Path, "/cloudssousers") || asked.Add(1) == 1 {
				pass.ServeHTTP(w, r)
				return
			}
			<-r.Context().Done()
		}), "")
		leaving, leave := context.WithCancel(ctx)
		request, err := http.NewRequestWithContext(leaving, http.MethodGet, through.URL+search("state", "Conflict"), nil)
		Expect(err).NotTo(HaveOccurred())
		gone := make(chan error, 1)
		go func() {
			response, err := through.Client().Do(request)
			if err == nil {
				err = response.Body.Close()
			}
			gone <- err
		}()
		Eventually(asked.Load).WithTimeout(time.Minute).Should(BeEquivalentTo(2))
		leave()
		Eventually(gone).WithTimeout(time.Minute).Should(Receive(MatchError(context.Canceled)))
		through.Close() // waits for its requests
	})
})

// eventsOf reads the events of a stream until it ends.
func eventsOf(body io.Reader, pass func(name, id, data string)) {
	var name, id string
	var data []string
	for lines := bufio.NewScanner(body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = append(data, value)
		case "":
			if name != "" {
				pass(name, id, strings.Join(data, "\n"))
			}
			name, data = "", nil
		}
	}
}
