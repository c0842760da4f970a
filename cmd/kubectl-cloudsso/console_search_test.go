package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
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

// load returns the status and the body of a page without the places where a word may break, and how long they took.
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
	return response.StatusCode, strings.ReplaceAll(string(text), "<wbr>", ""), time.Since(began)
}

// answer is an answer of the console, and after how long it came.
type answer struct {
	body  string
	after time.Duration
}

// visit loads the page of a search and, when a browser does, the parts that it asks for by itself: the rest of what the text names, and
// the first of the list.
func visit(ctx context.Context, server *httptest.Server, path string) (page, exact, list answer) {
	GinkgoHelper()
	began := time.Now()
	status, body, took := load(ctx, server, path)
	Expect(status).To(Equal(http.StatusOK), body)
	page = answer{body, took}
	var parts errgroup.Group
	for _, match := range askedAlone.FindAllStringSubmatch(body, -1) {
		address, part := html.UnescapeString(match[1]), &list
		if strings.Contains(address, "exact=") {
			part = &exact
		}
		parts.Go(func() error {
			defer GinkgoRecover()
			if match[2] != "" {
				delay, err := time.ParseDuration(match[2])
				Expect(err).NotTo(HaveOccurred())
				select {
				case <-time.After(delay):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			status, body, _ := load(ctx, server, address)
			*part = answer{body, time.Since(began)}
			Expect(status).To(Equal(http.StatusOK), body)
			return nil
		})
	}
	Expect(parts.Wait()).To(Succeed())
	return page, exact, list
}

var (
	userLink       = regexp.MustCompile(`<th scope="row"><a href="/directories/[^/]+/users/([^"]+)">`)
	askedAlone     = regexp.MustCompile(`<tr class="rest" data-reading [^>]*hx-get="([^"]+)" hx-trigger="load(?: delay:([^"]+))?"`)
	withoutScripts = regexp.MustCompile(`<noscript><a href="([^"]+)">`)
	nextRows       = regexp.MustCompile(`hx-get="([^"]+/rows\?[^"]+)"`)
	reading        = regexp.MustCompile(`data-read="(\d+)" data-total="(\d+)"`)
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
	// searchMemory is how much a search may add to the heap, with what is not collected yet. The users alone take several times as much.
	searchMemory = 64 << 20
	// verbMemory is how much memory a process of the plugin may take, of which 60 MiB are the program.
	verbMemory = 256 << 20
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

func crowdUserName(i int) string { return fmt.Sprintf("Given%d.Family@example.com", i) }

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
		u := newUser(crowdName(i), crowdUserName(i))
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
	createUserClaim(ctx, crowdSize()-1)
}

// createCrowdDirectory creates the directory itself until the end of the spec. Lists do not need it.
func createCrowdDirectory(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: crowd, Name: v1alpha1.DirectoryName}}
	Expect(cluster.Create(ctx, d)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(cluster.Delete(ctx, d)).To(Succeed()) })
	return d
}

// wideGroup is the page of a group whose members are in slices.
const wideGroup = "/directories/" + crowd + "/groups/wide"

// everyone is the page of a group of all users, to which an assignment gives a role.
const everyone = "/directories/" + crowd + "/groups/everyone"

// sliceMembers is how many members a slice has that the operator writes.
const sliceMembers = 250

// createEveryone creates the group, its slices, and the bindings of its assignment. The users of the first part of a review have
// claims, because every user has one that the operator has created.
func createEveryone(ctx context.Context) {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: crowd, Name: "everyone"}}
	g.Spec = v1alpha1.CloudSSOGroupSpec{DisplayName: "Everyone", Source: v1alpha1.SourceSCIM, Sliced: true}
	Expect(cluster.Create(ctx, g)).To(Succeed())
	for at := 0; at < crowdSize(); at += sliceMembers {
		s := &v1alpha1.CloudSSOMembershipSlice{ObjectMeta: metav1.ObjectMeta{Namespace: crowd, Name: fmt.Sprintf("everyone-%06d", at)}}
		s.Spec = v1alpha1.CloudSSOMembershipSliceSpec{Group: g.Name, Source: v1alpha1.SourceSCIM}
		for i := at; i < min(at+sliceMembers, crowdSize()); i++ {
			s.Spec.Members = append(s.Spec.Members, v1alpha1.Member{Name: crowdName(i)})
		}
		Expect(cluster.Create(ctx, s)).To(Succeed())
	}
	bindings := map[string]int{}
	for at := 0; at < crowdSize(); at += access.MaxSubjects {
		var names []string
		for i := at; i < min(at+access.MaxSubjects, crowdSize()); i++ {
			names = append(names, crowdUserName(i))
		}
		b := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: access.BindingName(crowd, "everyone", at/access.MaxSubjects)},
			Subjects:   access.Subjects(names),
			RoleRef:    access.RoleRef(v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"}),
		}
		access.Origin{Directory: crowd, Assignment: "everyone", Kind: v1alpha1.PrincipalGroup, Principal: g.Name}.Write(b)
		Expect(cluster.Create(ctx, b)).To(Succeed())
		bindings[b.Name] = at
	}
	for _, name := range slices.Sorted(maps.Keys(bindings))[:reviewedBindings] {
		for i := range access.MaxSubjects {
			createUserClaim(ctx, bindings[name]+i)
		}
	}
}

// reviewedBindings is how many bindings the first part of a review has.
const reviewedBindings = 4

// createUserClaim creates the claim on the userName of a user, unless it is there.
func createUserClaim(ctx context.Context, i int) {
	GinkgoHelper()
	claim := newClaim(nameclaim.UserName(crowd, crowdUserName(i)), crowdName(i))
	claim.Namespace = crowd
	Expect(cluster.Create(ctx, claim)).To(Or(Succeed(), MatchError(apierrors.IsAlreadyExists, "AlreadyExists")))
}

// memberOf returns the member of a slice of the group; that of slice 0 is in its own list.
func memberOf(slice int) string { return fmt.Sprintf("absent-%d", slice) }

func createWideGroup(ctx context.Context) {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: crowd, Name: "wide"}}
	g.Spec = v1alpha1.CloudSSOGroupSpec{DisplayName: "Wide", Source: v1alpha1.SourceManual, Sliced: true, Members: []v1alpha1.Member{{Name: memberOf(0)}}}
	Expect(cluster.Create(ctx, g)).To(Succeed())
	for i := range 3 {
		s := &v1alpha1.CloudSSOMembershipSlice{ObjectMeta: metav1.ObjectMeta{Namespace: crowd, Name: fmt.Sprintf("wide-%d", i)}}
		s.Spec = v1alpha1.CloudSSOMembershipSliceSpec{Group: g.Name, Source: v1alpha1.SourceManual, Members: []v1alpha1.Member{{Name: memberOf(i + 1)}}}
		Expect(cluster.Create(ctx, s)).To(Succeed())
	}
}

// subjectOf returns the first subject of a binding.
func subjectOf(binding int) string { return fmt.Sprintf("subject-%d-0", binding) }

// createBindings creates bindings of the directory, four of which have more subjects than a page shows.
func createBindings(ctx context.Context) {
	GinkgoHelper()
	for i := range 5 {
		b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{
			Namespace: crowd, Name: fmt.Sprintf("granted-%d", i), Labels: map[string]string{v1alpha1.LabelDirectory: crowd},
		}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}}
		for j := range 30 {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: fmt.Sprintf("subject-%d-%d", i, j)})
		}
		Expect(cluster.Create(ctx, b)).To(Succeed())
	}
}

// withhold withholds the deactivation of a user until the end of the spec.
func withhold(ctx context.Context, name string) {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{}
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: crowd, Name: name}, u)).To(Succeed())
	u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: "Disable", Since: metav1.Now()}
	Expect(cluster.Update(ctx, u)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		u.Spec.Withheld = nil
		Expect(cluster.Update(ctx, u)).To(Succeed())
	})
}

// expired returns the address of a part with a token of the API server that is not kept any more. What begins the parameter stays.
func expired(address string) string {
	GinkgoHelper()
	parsed, err := url.Parse(address)
	Expect(err).NotTo(HaveOccurred())
	values := parsed.Query()
	token := values.Get("continue")
	begin := token[:strings.LastIndexAny(token, ".:")+1]
	values.Set("continue", begin+ofFirstRevision(token[len(begin):]))
	return parsed.Path + "?" + values.Encode()
}

// heap returns the bytes of the objects on the heap, also of those that are not collected yet.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

var _ = Describe("the search of the console", Ordered, ContinueOnFailure, func() {
	const users = "/directories/" + crowd + "/users"
	last := crowdSize() - 1
	var server *httptest.Server

	BeforeAll(func(ctx SpecContext) {
		createCrowd(ctx)
		createWideGroup(ctx)
		createBindings(ctx)
		createEveryone(ctx)
		server = openPages(kubeconfig, "")
		if crowdSize() >= measuredUsers {
			return // the control plane of a measurement ends with it, and to delete so many users takes minutes of the last spec
		}
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
	// whole is the address of a search for a browser without scripts: the page has what a browser with scripts asks for afterwards.
	whole := func(query ...string) string { return search(append(query, "whole", "1")...) }
	// raw returns the shortest of three times of a list that the API server selects: what no page can be faster than.
	raw := func(ctx context.Context, field, value string) (took time.Duration) {
		GinkgoHelper()
		took = time.Hour
		for range 3 {
			began := time.Now()
			var users v1alpha1.CloudSSOUserList
			Expect(cluster.List(ctx, &users, client.InNamespace(crowd), client.MatchingFields{field: value}, client.Limit(100))).To(Succeed())
			took = min(took, time.Since(began))
			Expect(users.Items).To(HaveLen(1))
		}
		return took
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
		Expect(namesShown(body)).To(Equal([]string{crowdName(last)}), "before the API server has looked at each user")
	},
		Entry("a userName in any case", "GIVEN%d.family@EXAMPLE.com"),
		Entry("a metadata.name", "user-%06d"),
	)

	DescribeTable("answers at once, and then shows the user", func(ctx SpecContext, field, text string) {
		value := fmt.Sprintf(text, last)
		first, then := time.Hour, time.Hour
		for range 3 {
			page, exact, _ := visit(ctx, server, search("q", value))
			Expect(page.body).To(And(ContainSubstring("Looking by external ID and display name"), Not(ContainSubstring("Nothing was found."))))
			Expect(namesShown(page.body)).To(BeEmpty())
			Expect(namesShown(exact.body)).To(Equal([]string{crowdName(last)}), "before the search has come to it")
			first, then = min(first, page.after), min(then, exact.after)
		}
		within(text+", answer", first, exactTime)
		within(text+", hit", then, exactTime)
		alone := raw(ctx, field, value)
		GinkgoWriter.Printf("%.1f times the raw list (%s)\n", float64(then)/float64(alone), alone)
	},
		Entry("of an externalId", "spec.externalId", "00u%d"),
		Entry("of a displayName", "spec.displayName", "Given Family %d"),
	)

	It("says that no user is named so when all ways have answered", func(ctx SpecContext) {
		page, exact, list := visit(ctx, server, search("q", "no such user"))
		Expect(page.body).NotTo(ContainSubstring("Nothing was found."))
		Expect(exact.body).To(ContainSubstring("Nothing was found."))
		Expect(list.body).To(ContainSubstring("data-reading"), "the list is not read yet")
	})

	It("shows a user once that is named in several ways", func(ctx SpecContext) {
		twin := newUser("00u1", "twin@example.com")
		twin.Namespace, twin.Spec.ExternalID, twin.Spec.DisplayName = crowd, "00u1", "00u1"
		Expect(cluster.Create(ctx, twin)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { Expect(cluster.Delete(ctx, twin)).To(Succeed()) })
		page, exact, _ := visit(ctx, server, search("q", "00u1"))
		Expect(namesShown(page.body)).To(Equal([]string{"00u1"}))
		Expect(namesShown(exact.body)).To(Equal([]string{crowdName(1)}))
		_, body, _ := load(ctx, server, search("q", "00u1", "exact", "00u1"))
		Expect(namesShown(body)[:2]).To(Equal([]string{"00u1", crowdName(1)}))
	})

	It("keeps what it has found if another way fails, and offers to try again", func(ctx SpecContext) {
		through := openPages(proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if r.URL.Query().Get("fieldSelector") != "" {
				http.Error(w, "the lists are away", http.StatusInternalServerError)
				return
			}
			pass.ServeHTTP(w, r)
		}), "")
		status, body, _ := load(ctx, through, search("q", crowdName(last)))
		Expect(status).To(Equal(http.StatusOK), body)
		Expect(namesShown(body)).To(Equal([]string{crowdName(last)}))
		address := html.UnescapeString(askedAlone.FindStringSubmatch(body)[1])
		Expect(address).To(ContainSubstring("exact=" + crowdName(last)))
		status, body, _ = load(ctx, through, address)
		Expect(status).To(Equal(http.StatusInternalServerError))
		Expect(body).To(And(HavePrefix(`<tr class="rest"`), ContainSubstring("the lists are away")))
		Expect(nextOf(body)).To(Equal(address))
	})

	It("shows no exact user of another state or source", func(ctx SpecContext) {
		body, _ := fastest(ctx, whole("q", fmt.Sprintf("00u%d", last), "state", "Deprovisioned"))
		Expect(namesShown(body)).To(BeEmpty())
	})

	DescribeTable("shows groups of the source alone", func(ctx SpecContext, source string, isFound bool) {
		_, body, _ := load(ctx, server, "/directories/"+crowd+"/groups?q=wide&whole=1&source="+source)
		Expect(strings.Count(body, `<th scope="row">`)).To(Equal(map[bool]int{false: 0, true: 2}[isFound]))
	}, Entry("that has it", "Manual", true), Entry("that has not", "SCIM", false))

	It("shows the exact groups with the first part alone", func(ctx SpecContext) {
		_, body, _ := load(ctx, server, users)
		next, err := url.Parse(nextOf(body))
		Expect(err).NotTo(HaveOccurred())
		query := next.Query() // a token is the name after which a list begins
		query.Set("q", "wide")
		_, body, _ = load(ctx, server, "/directories/"+crowd+"/groups?"+query.Encode())
		Expect(body).To(And(ContainSubstring("Wide"), Not(ContainSubstring("Named exactly so"))))
	})

	It("reads on in parts, and says how far it is", func(ctx SpecContext) {
		took := time.Hour
		var first answer
		for range 3 {
			_, _, first = visit(ctx, server, search("q", "given1.family"))
			took = min(took, first.after)
		}
		within("first hit", took, firstHitTime)
		Expect(namesShown(first.body)).To(Equal([]string{crowdName(1)}))
		Expect(reading.FindStringSubmatch(first.body)).To(Equal([]string{fmt.Sprintf(`data-read="600" data-total="%d"`, crowdSize()), "600", strconv.Itoa(crowdSize())}))
		names, parts := readOn(ctx, whole("q", fmt.Sprintf("ven%d.fam", last)))
		Expect(names).To(Equal([]string{crowdName(last)}))
		Expect(parts).To(BeNumerically(">=", 2))
		_, body, took := load(ctx, server, nextOf(first.body))
		within("a part", took, firstHitTime)
		Expect(body).NotTo(ContainSubstring("<html"), "a part is rows alone")
	})

	It("keeps no more of a large directory in memory than of a small one", func(ctx SpecContext) {
		runtime.GC()
		before, most := heap(), uint64(0)
		_, body, _ := load(ctx, server, search("state", "Conflict"))
		for strings.Contains(body, "data-reading") {
			_, body, _ = load(ctx, server, nextOf(body))
			most = max(most, heap())
		}
		Expect(body).To(ContainSubstring(fmt.Sprintf("%d read, 0 found.", crowdSize())))
		GinkgoWriter.Printf("heap of a whole search: %d MiB at first, %d MiB at most\n", before>>20, most>>20)
		Expect(most).To(BeNumerically("<=", before+searchMemory))
	})

	// allocated returns how many bytes a page allocates: it cannot need more memory.
	allocated := func(ctx context.Context, path string) (bytes uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		load(ctx, server, path)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}

	DescribeTable("shows the first part of what is about all users", func(ctx SpecContext, path string, rows int) {
		body, took := fastest(ctx, path)
		bytes := allocated(ctx, path)
		GinkgoWriter.Printf("%d MiB\n", bytes>>20)
		within(path, took, firstHitTime)
		Expect(bytes).To(BeNumerically("<=", searchMemory))
		Expect(strings.Count(body, `<th scope="row">`)).To(Equal(rows))
		Expect(nextOf(body)).NotTo(BeEmpty())
	},
		Entry("members of a group", everyone, 50),
		Entry("who has a role through it", "/directories/"+crowd+"/review?assignment=everyone", reviewedBindings*access.MaxSubjects),
	)

	DescribeTable("is read by the verbs, which hold a page of it", func(ctx SpecContext, lines int, arguments ...string) {
		createCrowdDirectory(ctx)
		var output bytes.Buffer
		cmd := process(ctx, arguments...)
		cmd.Args[len(cmd.Args)-1] = crowd // the namespace
		cmd.Stdout, cmd.Stderr = &output, GinkgoWriter
		began := time.Now()
		Expect(cmd.Run()).To(Succeed())
		took := time.Since(began)
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		Expect(ok).To(BeTrue())
		GinkgoWriter.Printf("%s: %s, at most %d MiB\n", strings.Join(arguments, " "), took, usage.Maxrss>>10)
		if crowdSize() >= measuredUsers {
			Expect(usage.Maxrss).To(BeNumerically("<=", verbMemory>>10))
		}
		Expect(bytes.Count(output.Bytes(), []byte("\n"))).To(BeNumerically(">=", lines))
	},
		Entry("users", crowdSize(), "users"),
		Entry("members of a group", crowdSize(), "members", "Everyone"),
		Entry("who has a role through it", crowdSize(), "review"),
		Entry("a backup", crowdSize(), "export"),
		Entry("why a user has what it has", 1, "explain", crowdUserName(last)),
	)

	It("filters by state and source", func(ctx SpecContext) {
		names, _ := readOn(ctx, search("source", "Manual"))
		Expect(names[:3]).To(Equal([]string{crowdName(999), crowdName(1999), crowdName(2999)}))
		names, _ = readOn(ctx, search("state", "Disabled", "source", "Manual"))
		Expect(names[:1]).To(Equal([]string{crowdName(1999)}))
		names, _ = readOn(ctx, search("state", "Conflict"))
		Expect(names).To(BeEmpty())
	})

	It("rests when it has found a page of users, and goes on when it is asked to", func(ctx SpecContext) {
		_, body, _ := load(ctx, server, whole("q", "family"))
		Expect(len(namesShown(body))).To(And(BeNumerically(">=", 100), BeNumerically("<=", 600)))
		Expect(body).To(And(ContainSubstring("Show more"), Not(ContainSubstring("data-reading"))))
		_, next, _ := load(ctx, server, nextOf(body))
		Expect(len(namesShown(next))).To(And(BeNumerically(">=", 100), BeNumerically("<=", 600)))
		Expect(namesShown(next)).NotTo(ContainElement(namesShown(body)[0]))
	})

	It("shows each part by its own address to a browser without scripts", func(ctx SpecContext) {
		_, page, _ := load(ctx, server, search("q", fmt.Sprintf("00u%d", last)))
		for _, link := range withoutScripts.FindAllStringSubmatch(page, -1) {
			_, body, _ := load(ctx, server, html.UnescapeString(link[1]))
			Expect(body).To(ContainSubstring("<h1>Users</h1>"))
			Expect(namesShown(body)).To(Equal([]string{crowdName(last)}))
			Expect(reading.FindStringSubmatch(body)).To(HaveExactElements(Not(BeEmpty()), "600", strconv.Itoa(crowdSize())))
		}
		Expect(withoutScripts.FindAllString(page, -1)).To(HaveLen(2))
		_, body, _ := load(ctx, server, whole("q", "given"))
		status, page, _ := load(ctx, server, strings.Replace(nextOf(body), "/rows?", "?", 1))
		Expect(status).To(Equal(http.StatusOK))
		Expect(page).To(And(ContainSubstring("<h1>Users</h1>"), ContainSubstring(`value="given"`)))
		Expect(namesShown(page)).NotTo(BeEmpty())
	})

	It("goes on with the list as it is now if the former one is not kept any more", func(ctx SpecContext) {
		compact(ctx)
		_, body, _ := load(ctx, server, whole("q", "given"))
		shown := namesShown(body)
		status, next, _ := load(ctx, server, expired(nextOf(body)))
		Expect(status).To(Equal(http.StatusOK), next)
		Expect(next).To(ContainSubstring("The directory has changed since the rows above were read."))
		Expect(namesShown(next)[0] > shown[len(shown)-1]).To(BeTrue(), "%s after %s", namesShown(next)[0], shown[len(shown)-1])
	})

	DescribeTable("keeps the rows if a part cannot be read, and offers to try again", func(ctx SpecContext, list, token string) {
		query := url.Values{"continue": {token}, "q": {"x"}}.Encode()
		status, body, _ := load(ctx, server, list+"/rows?"+query)
		Expect(status).To(BeNumerically(">=", http.StatusBadRequest))
		Expect(body).To(And(HavePrefix(`<tr class="rest"`), Not(ContainSubstring("<h1")), ContainSubstring("continue key is not valid")))
		Expect(nextOf(body)).To(Equal(list + "/rows?" + query))
	},
		Entry("of the users", users, "broken"),
		Entry("of the groups", "/directories/"+crowd+"/groups", "broken"),
		Entry("of the members of a group", wideGroup, "0.0.s.broken"),
		Entry("of the assignments", "/directories/"+crowd+"/access", "broken"),
		Entry("of who has which role where", "/directories/"+crowd+"/review", "namespaces:broken"),
		Entry("of the approvals", "/directories/"+crowd+"/approvals", "broken"),
		Entry("of the directories", "/directories", "broken"),
	)

	It("goes on with the members of a group as they are now", func(ctx SpecContext) {
		compact(ctx)
		_, body, _ := load(ctx, server, wideGroup)
		_, body, _ = load(ctx, server, nextOf(body)) // the first slice, which has no token
		status, next, _ := load(ctx, server, expired(nextOf(body)))
		Expect(status).To(Equal(http.StatusOK), next)
		Expect(next).To(And(ContainSubstring("The directory has changed since the rows above were read."), ContainSubstring(memberOf(2))))
		Expect(next).NotTo(Or(ContainSubstring(memberOf(1)), ContainSubstring(memberOf(3))))
		_, next, _ = load(ctx, server, nextOf(next))
		Expect(next).To(And(ContainSubstring(memberOf(3)), ContainSubstring("That is all.")))
	})

	It("goes on with a review of the bindings as they are now", func(ctx SpecContext) {
		_, body, _ := load(ctx, server, "/directories/"+crowd+"/review?namespace="+crowd)
		Expect(body).To(And(ContainSubstring(subjectOf(3)), Not(ContainSubstring(subjectOf(4)))))
		// The API server still has the bindings of its start, because it remembers what it has served.
		var refused atomic.Bool
		through := openPages(proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			token := r.URL.Query().Get("continue")
			if !strings.HasSuffix(r.URL.Path, "/rolebindings") || token == "" || refused.Swap(true) {
				pass.ServeHTTP(w, r)
				return
			}
			status := apierrors.NewResourceExpired("too old").ErrStatus
			status.Kind, status.APIVersion, status.Continue = "Status", "v1", token
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusGone)
			Expect(json.NewEncoder(w).Encode(status)).To(Succeed())
		}), "")
		status, next, _ := load(ctx, through, nextOf(body))
		Expect(refused.Load()).To(BeTrue())
		Expect(status).To(Equal(http.StatusOK), next)
		Expect(next).To(And(ContainSubstring(subjectOf(4)), Not(ContainSubstring(subjectOf(3))), ContainSubstring("That is all.")))
	})

	It("lists withheld deactivations that are not counted, and reads no further than to those that are", func(ctx SpecContext) {
		const approvals = "/directories/" + crowd + "/approvals"
		d := createCrowdDirectory(ctx)
		_, body, _ := load(ctx, server, approvals)
		Expect(body).To(ContainSubstring("as the operator has counted: not known yet"))
		Expect(reading.FindStringSubmatch(body)).To(HaveExactElements(Not(BeEmpty()), "600", strconv.Itoa(crowdSize())))

		withhold(ctx, crowdName(0))
		counted := func(withheld int32) {
			d.Status.Users = &v1alpha1.UserCounts{Withheld: withheld}
			Expect(cluster.Status().Update(ctx, d)).To(Succeed())
		}
		counted(0)
		_, body, _ = load(ctx, server, approvals)
		Expect(body).To(And(ContainSubstring("No deactivation waits for a decision."), ContainSubstring("/directories/"+crowd+"/settings/edit"), Not(ContainSubstring("?all=1"))))
		_, body, _ = load(ctx, server, approvals+"?all=1")
		Expect(namesShown(body)).To(Equal([]string{crowdName(0)}))

		counted(1)
		var lists atomic.Int32
		through := openPages(proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/cloudssousers") {
				lists.Add(1)
			}
			pass.ServeHTTP(w, r)
		}), "")
		_, body, _ = load(ctx, through, approvals+"/decide?decision=Apply")
		Expect(body).To(And(ContainSubstring("Users: 1."), ContainSubstring(`name="last" value="`+crowdName(0)+`"`)))
		Expect(lists.Load()).To(BeEquivalentTo(1))
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
