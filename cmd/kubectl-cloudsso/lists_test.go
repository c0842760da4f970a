package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/root"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

// namesIn are the names of the objects of a list that was printed as JSON or YAML.
func namesIn(out string) (names []string) {
	GinkgoHelper()
	var list struct {
		APIVersion, Kind string
		Items            []metav1.PartialObjectMetadata
	}
	Expect(yaml.Unmarshal([]byte(out), &list)).To(Succeed())
	Expect(list.Kind).To(Equal("List"))
	Expect(list.APIVersion).To(Equal("v1"))
	for _, item := range list.Items {
		Expect(item.Kind).NotTo(BeEmpty())
		Expect(item.ManagedFields).To(BeEmpty())
		names = append(names, item.Name)
	}
	return names
}

// create creates an object for the time of a test.
func create(ctx context.Context, o client.Object) {
	GinkgoHelper()
	o.SetNamespace(namespace)
	Expect(cluster.Create(ctx, o)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(cluster.Delete(ctx, o))).To(Succeed()) })
}

func newUser(name, userName string) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{UserName: userName, Source: v1alpha1.SourceSCIM},
	}
}

func rows(table string) []string { return strings.Split(strings.TrimSuffix(table, "\n"), "\n") }

var _ = Describe("kubectl cloudsso users", func() {
	It("prints a table with one header for all pages", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "users")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)).To(HaveLen(1 + userCount))
		Expect(rows(out)[0]).To(MatchRegexp(`^NAME +USERNAME +DISPLAY NAME +STATE +SOURCE +AGE$`))
		Expect(rows(out)[1]).To(MatchRegexp(`^user-000 +User000@example.com +Active +SCIM +\d`))
		Expect(strings.Index(rows(out)[userCount], "=cmd")).To(Equal(strings.Index(rows(out)[0], "USERNAME")), "the last page is aligned with the first")
	})

	It("prints what kubectl prints with -o wide, --no-headers and -A", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "users", "-o", "wide", "-A")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)[0]).To(MatchRegexp(`^NAMESPACE +NAME +USERNAME .* AGE +EMAIL +EXTERNAL ID +WITHHELD$`))
		Expect(rows(out)[1]).To(MatchRegexp(`^default +user-000 `))
		out, err = run(ctx, kubeconfig, "users", "--no-headers")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)).To(HaveLen(userCount))
	})

	It("prints lists for programs", func(ctx SpecContext) {
		for _, format := range []string{"json", "yaml"} {
			out, err := run(ctx, kubeconfig, "users", "-o", format)
			Expect(err).NotTo(HaveOccurred())
			Expect(namesIn(out)).To(HaveLen(userCount))
			Expect(json.Valid([]byte(out))).To(Equal(format == "json"))
		}
		out, err := run(ctx, kubeconfig, "users", "-o", "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)).To(And(HaveLen(userCount), HaveEach(HavePrefix("cloudssouser.cloudsso.dev/user-"))))
	})

	It("reads pages of the size that is asked for", func(ctx SpecContext) {
		var asked atomic.Int32
		through := proxied(&asked)
		for size, requests := range map[string]int32{"200": 3, "0": 1, "500": 2} {
			asked.Store(0)
			out, err := run(ctx, through, "users", "-o", "name", "--chunk-size", size)
			Expect(err).NotTo(HaveOccurred())
			Expect(rows(out)).To(HaveLen(userCount))
			Expect(asked.Load()).To(Equal(requests), size)
		}
	})

	It("selects by fields and labels", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "users", "-o", "json", "--field-selector", "spec.userName=User007@example.com")
		Expect(err).NotTo(HaveOccurred())
		Expect(namesIn(out)).To(Equal([]string{"user-007"}))
		out, err = run(ctx, kubeconfig, "users", "-o", "json", "-l", "team=none")
		Expect(err).NotTo(HaveOccurred())
		Expect(namesIn(out)).To(BeEmpty())
		out, stderr, err := runAt(ctx, nil, kubeconfig, "users", "-l", "team=none")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(BeEmpty())
		Expect(stderr).To(Equal("No resources found in default namespace.\n"))
	})

	It("prints a page before it asks for the next", func(ctx SpecContext) {
		var asked atomic.Int32
		through := proxied(&asked)
		for _, format := range []string{"", "json", "yaml", "name"} {
			asked.Store(0)
			out := &firstWrite{asked: &asked}
			cmd := root.NewCommand(plugin.New(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: out, ErrOut: GinkgoWriter}))
			cmd.SetArgs([]string{"users", "-o", format, "--kubeconfig", through, "-n", namespace})
			Expect(cmd.ExecuteContext(ctx)).To(Succeed())
			Expect(out.askedBefore).To(BeEquivalentTo(1), format)
			Expect(asked.Load()).To(BeEquivalentTo(2), format)
		}
	})

	It("goes on with a later state if that of the first page is not kept any more", func(ctx SpecContext) {
		compact(ctx)
		var expired atomic.Bool
		through := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			query := r.URL.Query()
			if token := query.Get("continue"); token != "" && expired.CompareAndSwap(false, true) {
				query.Set("continue", ofFirstRevision(token))
				r.URL.RawQuery = query.Encode()
			}
			pass.ServeHTTP(w, r)
		})
		for _, format := range []string{"", "json"} {
			expired.Store(false)
			out, stderr, err := runAt(ctx, nil, through, "users", "-o", format)
			Expect(err).NotTo(HaveOccurred())
			Expect(stderr).To(MatchRegexp(`^warning: the list took so long .*\n$`))
			for i := range userCount {
				Expect(strings.Count(out, nameOf(i))).To(Equal(1), "%s in %q", nameOf(i), format)
			}
		}
	})

	It("lets no control character reach a terminal", func(ctx SpecContext) {
		evil := newUser("evil", "evil@example.com")
		evil.Spec.DisplayName = "Eve\x1b[2J\u009b31m\x7f"
		create(ctx, evil)
		for _, format := range []string{"", "wide", "json", "yaml", "name"} {
			out, err := run(ctx, kubeconfig, "user", "evil", "-o", format)
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.ContainsFunc(out, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })).To(BeFalse(), "%s: %q", format, out)
		}
		out, err := run(ctx, kubeconfig, "user", "evil", "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		var read v1alpha1.CloudSSOUser
		Expect(json.Unmarshal([]byte(out), &read)).To(Succeed())
		Expect(read.Spec.DisplayName).To(Equal(evil.Spec.DisplayName))
	})

	It("fails in kubectl's words", func(ctx SpecContext) {
		_, err := run(ctx, unpermitted, "users")
		Expect(message(err)).To(HavePrefix(`Error from server (Forbidden): cloudssousers.cloudsso.dev is forbidden: User "eve" cannot list resource`))
		_, err = run(ctx, kubeconfig, "users", "--field-selector", "spec.nickName=x")
		Expect(message(err)).To(HavePrefix(`Error from server (BadRequest): `))
		_, err = run(ctx, kubeconfig, "users", "-o", "xml")
		Expect(message(err)).To(Equal(`error: --output "xml": give wide, json, yaml or name`))
		_, err = run(ctx, kubeconfig, "stats")
		Expect(message(err)).To(Equal("error: unknown command \"stats\" for \"kubectl cloudsso\"\n\nDid you mean this?\n  status"))
	})
})

// firstWrite notes how many requests there were before the first write.
type firstWrite struct {
	asked       *atomic.Int32
	askedBefore int32
}

func (w *firstWrite) Write(text []byte) (int, error) {
	if w.askedBefore == 0 {
		w.askedBefore = w.asked.Load()
	}
	return len(text), nil
}

// compact makes etcd forget its first states, as it does after some minutes in a cluster.
func compact(ctx context.Context) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, etcd.String()+"/v3/kv/compaction", strings.NewReader(`{"revision":"10"}`))
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	Expect(response).To(Or(HaveHTTPStatus(http.StatusOK), HaveHTTPBody(ContainSubstring("has been compacted")))) // by a spec before
}

// ofFirstRevision returns the token of a list's next page, but for the first state of etcd.
func ofFirstRevision(token string) string {
	GinkgoHelper()
	text, err := base64.RawURLEncoding.DecodeString(token)
	Expect(err).NotTo(HaveOccurred())
	var fields map[string]any
	Expect(json.Unmarshal(text, &fields)).To(Succeed())
	Expect(fields).To(HaveKey("rv"))
	fields["rv"] = 1
	text, err = json.Marshal(fields)
	Expect(err).NotTo(HaveOccurred())
	return base64.RawURLEncoding.EncodeToString(text)
}

// proxied returns a kubeconfig that reaches the API server through a proxy, which counts requests.
func proxied(asked *atomic.Int32) (path string) {
	GinkgoHelper()
	return proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		asked.Add(1)
		pass.ServeHTTP(w, r)
	})
}

// proxiedBy returns a kubeconfig that reaches the API server through a proxy, which answers a request itself or passes it on.
func proxiedBy(answer func(w http.ResponseWriter, r *http.Request, pass http.Handler)) (path string) {
	GinkgoHelper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(config.Host)
	Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(config)
	Expect(err).NotTo(HaveOccurred())
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, proxy)
	}))
	DeferCleanup(server.Close)
	path = filepath.Join(GinkgoT().TempDir(), "proxied")
	Expect(os.WriteFile(path, []byte("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: "+server.URL+"}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"), 0o600)).To(Succeed())
	return path
}

var _ = Describe("kubectl cloudsso user", func() {
	It("shows the user of a userName, in any spelling, or of a name", func(ctx SpecContext) {
		for _, name := range []string{"User000@example.com", "USER000@EXAMPLE.COM", "user-000"} {
			out, err := run(ctx, kubeconfig, "user", name)
			Expect(err).NotTo(HaveOccurred())
			Expect(rows(out)).To(HaveLen(2))
			Expect(rows(out)[0]).To(MatchRegexp(`^NAME +USERNAME .* AGE +LAST CHANGE +CAUSE +CREDENTIAL +REQUEST$`))
			Expect(rows(out)[1]).To(MatchRegexp(`^user-000 .* 2027-01-31T12:00:00Z +Modify +okta +request-1$`))
		}
		out, err := run(ctx, kubeconfig, "user", "USER000@example.com", "-o", "yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("\nkind: CloudSSOUser\n"))
	})

	It("shows the deprovisioned users that had a userName", func(ctx SpecContext) {
		for _, name := range []string{"gone-1", "gone-2"} {
			gone := newUser(name, "Gone@example.com")
			gone.Spec.DeprovisionedAt = &metav1.Time{Time: metav1.Now().Time}
			create(ctx, gone)
		}
		create(ctx, newClaim(nameclaim.UserName(namespace, "Gone@example.com"), "gone-2")) // it stays after a deprovisioning
		out, err := run(ctx, kubeconfig, "user", "gone@EXAMPLE.com", "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		Expect(namesIn(out)).To(Equal([]string{"gone-1", "gone-2"}))
	})

	It("does not believe a claim whose holder has another userName", func(ctx SpecContext) {
		create(ctx, newClaim(nameclaim.UserName(namespace, "User400@example.com"), "user-401"))
		for _, format := range []string{"name", "json"} {
			out, err := run(ctx, kubeconfig, "user", "user400@example.com", "-o", format)
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(And(ContainSubstring("user-400"), Not(ContainSubstring("user-401"))))
		}
		out, err := run(ctx, kubeconfig, "explain", "user400@example.com")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("user-400"))
	})

	It("says so of one that is not there", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "user", "nemo@example.com")
		Expect(message(err)).To(Equal(`error: namespace default has no user with userName or metadata.name "nemo@example.com"`))
	})
})

var _ = Describe("kubectl cloudsso groups", func() {
	It("prints a table", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "groups")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)[0]).To(MatchRegexp(`^NAME +DISPLAY NAME +MEMBERS +READY +SOURCE +AGE$`))
		Expect(out).To(MatchRegexp(`(?m)^developers-1 +Developers +SCIM `))
	})
})

var _ = Describe("kubectl cloudsso members", func() {
	It("prints the members of a large group", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "members", "developers-1", "-o", "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)).To(HaveLen(userCount))
	})

	It("prints the members of a group and its slices, and names those that do not exist", func(ctx SpecContext) {
		create(ctx, &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Name: "small"},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Small", Sliced: true, Members: []v1alpha1.Member{{Name: "user-003"}, {Name: "user-of-a-longer-name"}, {Name: "nemo"}}},
		})
		create(ctx, newUser("user-of-a-longer-name", "User@example.com"))
		for source, member := range map[v1alpha1.Source]string{v1alpha1.SourceSCIM: "user-001", v1alpha1.SourceManual: "user-002"} {
			create(ctx, &v1alpha1.CloudSSOMembershipSlice{
				ObjectMeta: metav1.ObjectMeta{Name: "small-" + strings.ToLower(string(source))},
				Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: source, Group: "small", Members: []v1alpha1.Member{{Name: member}, {Name: "user-003"}}},
			})
		}
		out, stderr, err := runAt(ctx, nil, kubeconfig, "members", "small")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)).To(HaveLen(4))
		Expect(out).To(MatchRegexp(`(?s)^NAME +USERNAME .*\nuser-001 +User001@.*\nuser-003 +User003@.*\nuser-of-a-longer-name +User@`))
		for _, row := range rows(out)[1:] {
			Expect(strings.Index(row, " User")).To(Equal(strings.Index(rows(out)[0], " USERNAME")), "a column stands under its header")
		}
		Expect(stderr).To(Equal("warning: the group lists users that do not exist: nemo\n"))
	})

	It("prints the rows of a large group alone", func(ctx SpecContext) {
		var members []v1alpha1.Member
		for _, name := range append(strings.Fields("nemo"), userNames(150)...) {
			members = append(members, v1alpha1.Member{Name: name})
		}
		create(ctx, &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Name: "large"},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Large", Members: members},
		})
		for _, format := range []string{"", "json"} {
			out, stderr, err := runAt(ctx, nil, kubeconfig, "members", "large", "-o", format)
			Expect(err).NotTo(HaveOccurred())
			Expect(stderr).To(ContainSubstring("do not exist: nemo\n"))
			if format == "json" {
				Expect(namesIn(out)).To(HaveLen(150))
			} else {
				Expect(rows(out)).To(HaveLen(151))
			}
		}
	})

	It("does not believe a claim whose holder has another displayName", func(ctx SpecContext) {
		create(ctx, &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Name: "renamed"},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Renamed", Members: []v1alpha1.Member{{Name: "user-007"}}},
		})
		create(ctx, newClaim(nameclaim.DisplayName(namespace, "Renamed"), "developers-1"))
		out, err := run(ctx, kubeconfig, "members", "RENAMED", "-o", "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("cloudssouser.cloudsso.dev/user-007\n"))
	})

	It("says so of a group that is not there", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "members", "Nobodies")
		Expect(message(err)).To(Equal(`error: namespace default has no group with displayName or metadata.name "Nobodies"`))
	})
})

// userNames returns the names of the last users.
func userNames(count int) (names []string) {
	for i := range count {
		names = append(names, nameOf(userCount-1-i))
	}
	return names
}
