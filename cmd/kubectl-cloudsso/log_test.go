package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

// provisioning returns the line that the operator's logger writes of a request.
func provisioning(ctx context.Context, r audit.Record) string {
	var out bytes.Buffer
	audit.New(audit.Config{Log: logr.ToSlogHandler(zap.New(zap.WriteTo(&out)).WithName("scim"))}).Write(ctx, r)
	return out.String()
}

// requestsIn returns the request ids of a log that was printed as JSON.
func requestsIn(out string) (ids []string) {
	GinkgoHelper()
	for text := range strings.Lines(out) {
		var l struct{ RequestID string }
		Expect(json.Unmarshal([]byte(text), &l)).To(Succeed())
		ids = append(ids, l.RequestID)
	}
	return ids
}

var _ = Describe("kubectl cloudsso log", func() {
	var system string // the operator's namespace
	var nodeA, nodeB *kubelet
	began := time.Now()

	// write writes a line of a replica some milliseconds after the beginning.
	write := func(ctx context.Context, node *kubelet, pod string, ms int, r audit.Record) {
		node.write(system, pod, began.Add(time.Duration(ms)*time.Millisecond), provisioning(ctx, r))
	}

	BeforeEach(func(ctx SpecContext) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "operator-"}}
		Expect(cluster.Create(ctx, ns)).To(Succeed())
		system = ns.Name
		nodeA, nodeB = startKubelet(ctx), startKubelet(ctx)
		nodeA.run(ctx, system, "a")
		nodeB.run(ctx, system, "b")
	})

	fillLogs := func(ctx context.Context) {
		nodeA.write(system, "a", began.Add(-time.Hour), provisioning(ctx, audit.Record{
			Event: audit.ResourceCreated, RequestID: "a-old", Namespace: namespace, Credential: "okta", ResourceType: "User", ID: "user-000", UserName: "user000@EXAMPLE.com", Status: 201,
		}))
		nodeA.write(system, "a", began, `{"level":"info","logger":"controller","msg":"started"}`)
		write(ctx, nodeB, "b", 1, audit.Record{Event: audit.AuthenticationRefused, RequestID: "b-1", Status: 401, Reason: "unknown-token"})
		write(ctx, nodeA, "a", 2, audit.Record{
			Event: audit.ResourceModified, RequestID: "a-2", Namespace: namespace, Credential: "okta", ResourceType: "User", ID: "user-000", UserName: "before",
			Effects: []string{"Deactivated", "Renamed"}, Status: 200,
		})
		write(ctx, nodeB, "b", 3, audit.Record{Event: audit.RequestRefused, RequestID: "b-3", Namespace: namespace, Credential: "entra", ResourceType: "User", UserName: "nemo", Detail: "no\u009b", Status: 400})
		write(ctx, nodeA, "a", 4, audit.Record{Event: audit.ResourceCreated, RequestID: "a-4", Namespace: "another", ResourceType: "Group", ID: "g", DisplayName: "G", Status: 201})
	}

	show := func(ctx context.Context, arguments ...string) string {
		GinkgoHelper()
		out, _, err := runAt(ctx, nil, kubeconfig, append([]string{"log", "--operator-namespace", system}, arguments...)...)
		Expect(err).NotTo(HaveOccurred())
		return out
	}

	It("shows the lines of all replicas by time", func(ctx SpecContext) {
		fillLogs(ctx)
		out := rows(show(ctx))
		Expect(out).To(HaveLen(4))
		Expect(out[0]).To(MatchRegexp(`^TIME +OUTCOME +STATUS +CREDENTIAL +OBJECT +REQUEST +SUMMARY$`))
		Expect(out[1]).To(MatchRegexp(`^\S+Z +Resource Created +201 +okta +User/user000@EXAMPLE.com +a-old +<none>$`))
		Expect(out[2]).To(MatchRegexp(`Resource Modified +200 +okta +User/before +a-2 +Deactivated, Renamed$`))
		Expect(out[3]).To(MatchRegexp(`Request Refused +400 +entra +User/nemo +b-3 +no<U\+009B>$`))
		Expect(rows(show(ctx, "-A", "-o", "wide"))[0]).To(MatchRegexp(`^NAMESPACE +TIME .* ID +REMOTE +USER AGENT +SUMMARY$`))
		Expect(show(ctx, "-o", "json", "--tail", "1")).To(MatchJSON(provisioningOf(nodeB, system, "b")), "the line as it is")
	})

	DescribeTable("selects", func(ctx SpecContext, arguments string, want ...string) {
		fillLogs(ctx)
		Expect(requestsIn(show(ctx, append(strings.Fields(arguments), "-o", "json")...))).To(Equal(want))
	},
		Entry("the directory", "", "a-old", "a-2", "b-3"),
		Entry("all directories", "-A", "a-old", "b-1", "a-2", "b-3", "a-4"),
		Entry("the last lines of all replicas", "-A --tail 2", "b-3", "a-4"),
		Entry("young lines", "--since 30m", "a-2", "b-3"),
		Entry("a user by userName, under each name that it had", "--user USER000@example.com", "a-old", "a-2"),
		Entry("a user of any directory, under each name that it had", "-A --user USER000@example.com", "a-old", "a-2"),
		Entry("a user by id", "--user user-000", "a-old", "a-2"),
		Entry("a user that was never created", "--user NEMO", "b-3"),
		Entry("a credential", "--credential entra", "b-3"),
		Entry("a request", "--request a-2", "a-2"),
		Entry("an effect", "--outcome deactivated", "a-2"),
	)

	It("shows what the container before the last restart has written", func(ctx SpecContext) {
		fillLogs(ctx)
		nodeA.restart(ctx, system, "a")
		write(ctx, nodeA, "a", 5, audit.Record{Event: audit.ResourceCreated, RequestID: "a-5", Namespace: namespace, Status: 201})
		Expect(requestsIn(show(ctx, "-o", "json"))).To(Equal([]string{"a-old", "a-2", "b-3", "a-5"}))
	})

	// follow runs the command until stop is called.
	follow := func(ctx context.Context, arguments ...string) (out, errOut *gbytes.Buffer, stop func()) {
		out, errOut = gbytes.NewBuffer(), gbytes.NewBuffer()
		following, cancel := context.WithCancel(ctx)
		DeferCleanup(cancel)
		ended := make(chan error, 1)
		go func() {
			defer GinkgoRecover()
			_, _, err := runWith(following, func(p *plugin.Plugin) { p.Out, p.ErrOut = out, errOut }, kubeconfig,
				append([]string{"log", "--operator-namespace", system, "-o", "json", "-f"}, arguments...)...)
			ended <- err
		}()
		return out, errOut, func() {
			GinkgoHelper()
			cancel()
			Eventually(ended).WithTimeout(time.Minute).Should(Receive(BeNil()))
		}
	}
	created := func(id string) audit.Record {
		return audit.Record{Event: audit.ResourceCreated, RequestID: id, Namespace: namespace, Status: 201}
	}
	says := func(buffer *gbytes.Buffer, text string) {
		GinkgoHelper()
		Eventually(buffer).WithTimeout(time.Minute).Should(gbytes.Say(text))
	}

	It("follows replicas, also such as restart, are added or are removed", func(ctx SpecContext) {
		fillLogs(ctx)
		out, errOut, stop := follow(ctx)
		says(out, "b-3")
		write(ctx, nodeA, "a", 10, created("a-10"))
		says(out, "a-10")
		nodeA.restart(ctx, system, "a", stamped(began.Add(15*time.Millisecond), provisioning(ctx, created("a-15"))))
		write(ctx, nodeA, "a", 20, created("a-20"))
		nodeB.remove(ctx, system, "b")
		says(out, "a-20")
		nodeA.restart(ctx, system, "a")
		write(ctx, nodeA, "a", 25, created("a-25"))
		nodeA.restart(ctx, system, "a")
		write(ctx, nodeA, "a", 30, created("a-30"))
		says(out, "a-30")
		nodeB.run(ctx, system, "c")
		write(ctx, nodeB, "c", 40, created("c-40"))
		says(out, "c-40")
		stop()
		Expect(requestsIn(string(out.Contents()))).To(Equal([]string{"a-old", "a-2", "b-3", "a-10", "a-15", "a-20", "a-25", "a-30", "c-40"}))
		Expect(errOut.Contents()).To(BeEmpty())
	})

	It("follows from its start on what it could not read, and shows no line twice if a node fails", func(ctx SpecContext) {
		fillLogs(ctx)
		var missing *containerLog
		nodeB.change(func() { missing = nodeB.logs[pathOf(system, "b")]; delete(nodeB.logs, pathOf(system, "b")) })
		out, errOut, stop := follow(ctx, "--tail", "1", "--since", "30m")
		says(errOut, "warning: the log of Pod b cannot be read: ")
		nodeB.change(func() { nodeB.logs[pathOf(system, "b")] = missing })
		nodeB.write(system, "b", time.Now(), provisioning(ctx, created("b-new")))
		says(out, "b-new")
		nodeA.set(system, "a", func(log *containerLog) { log.message = "failed to create fsnotify watcher" })
		says(errOut, "warning: the log of Pod a cannot be read: its node says: failed to create fsnotify watcher\n")
		broken := provisioning(ctx, created("a-broken"))
		nodeA.set(system, "a", func(log *containerLog) {
			log.message, log.cut = "", 20
			log.lines = append(log.lines, stamped(time.Now(), broken))
		})
		says(out, "a-broken")
		stop()
		Expect(requestsIn(string(out.Contents()))).To(Equal([]string{"a-2", "b-new", "a-broken"}))
		Expect(bytes.Count(errOut.Contents(), []byte("fsnotify"))).To(Equal(1))
	})

	It("says which log cannot be read, and shows the others", func(ctx SpecContext) {
		fillLogs(ctx)
		nodeB.change(func() { delete(nodeB.logs, pathOf(system, "b")) })
		out, _, err := runAt(ctx, nil, kubeconfig, "log", "--operator-namespace", system, "-o", "json")
		Expect(err).To(MatchError(HavePrefix("the log of Pod b cannot be read: ")))
		Expect(requestsIn(out)).To(Equal([]string{"a-old", "a-2"}))
	})

	DescribeTable("shows what it has read of a log that ends early, and the others", func(ctx SpecContext, fail func(*containerLog), want string) {
		fillLogs(ctx)
		write(ctx, nodeB, "b", 5, created("b-5"))
		nodeB.set(system, "b", fail)
		out, _, err := runAt(ctx, nil, kubeconfig, "log", "--operator-namespace", system, "-o", "json")
		Expect(err).To(MatchError("the log of Pod b cannot be read: " + want))
		Expect(requestsIn(out)).To(ContainElements("a-old", "a-2", "b-3"))
	},
		Entry("broken off", func(log *containerLog) { log.cut = 20 }, "unexpected EOF"),
		Entry("with an error of the node", func(log *containerLog) { log.message = "unable to retrieve container logs" }, "its node says: unable to retrieve container logs"),
	)

	It("says that the log before a restart cannot be read", func(ctx SpecContext) {
		fillLogs(ctx)
		nodeA.restart(ctx, system, "a")
		nodeA.change(func() { nodeA.logs[pathOf(system, "a")+"?previous"].fails = true })
		_, _, err := runAt(ctx, nil, kubeconfig, "log", "--operator-namespace", system)
		Expect(err).To(MatchError(HavePrefix("the log of Pod a cannot be read: ")))
		nodeA.change(func() { delete(nodeA.logs, pathOf(system, "a")+"?previous") })
		Expect(requestsIn(show(ctx, "-o", "json"))).To(Equal([]string{"b-3"}), "the node has deleted it")
	})

	Context("if no line is found", func() {
		stderrOf := func(ctx context.Context, arguments ...string) string {
			GinkgoHelper()
			out, stderr, err := runAt(ctx, nil, kubeconfig, append([]string{"log", "--operator-namespace", system}, arguments...)...)
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(BeEmpty())
			return stderr
		}

		It("says so", func(ctx SpecContext) {
			fillLogs(ctx)
			Expect(stderrOf(ctx, "--user", "lovelace")).To(Equal("No lines found.\n"))
		})

		It("says that the log is not in JSON", func(ctx SpecContext) {
			nodeA.write(system, "a", began, "INFO\tscim\tResource Created")
			Expect(stderrOf(ctx)).To(HavePrefix("No lines found: the operator in namespace " + system + " does not log as JSON"))
		})

		It("names the directories of a shard", func(ctx SpecContext) {
			nodeA.remove(ctx, system, "a")
			nodeB.remove(ctx, system, "b")
			nodeA.run(ctx, system, "shard", "--shard=south", "--namespaces=globex,initech")
			Expect(stderrOf(ctx)).To(And(ContainSubstring("(--namespaces=globex,initech)"), ContainSubstring("Give the namespace of the shard that serves default")))
		})
	})

	It("refuses what it does not know", func(ctx SpecContext) {
		for _, c := range [][]string{
			{"namespace kube-public has no Pod with the label app.kubernetes.io/name=cloudsso-operator", "--operator-namespace", "kube-public"},
			{"-f and --outcome need the log: there is no log of the operator: namespace cloudsso-system has no Pod", "-f"},
			{`--output "yaml": give wide or json`, "-o", "yaml"},
			{`--outcome "Broken": give one of`, "--outcome", "Broken"},
			{"--since -1s is in the future", "--since", "-1s"},
		} {
			_, err := run(ctx, kubeconfig, append([]string{"log"}, c[1:]...)...)
			Expect(err).To(MatchError(ContainSubstring(c[0])))
		}
	})

	It("shows the last changes of an operator that runs as a process, and says where its log is", func(ctx SpecContext) {
		out, stderr, err := runAt(ctx, nil, kubeconfig, "log")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(And(HavePrefix("warning: only the last change of each user and group, and Events, are shown: there is no log of the operator: "),
			ContainSubstring("as with make run, look into its own log (.run/manager.log)"), ContainSubstring("--operator-namespace")))
		Expect(out).To(ContainSubstring("User/User000@example.com"))
	})

	It("completes outcomes", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "__complete", "log", "--outcome", "deac")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(HavePrefix("Deactivation Withheld\nDeactivated\n:4\n"))
	})

	Context("without the right to read it", func() {
		var at time.Time

		BeforeEach(func(ctx SpecContext) {
			permitToView(ctx)
			at = time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
			event := &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "user-007"}, Reason: "UserNameConflict", Message: "another user has the name", Type: corev1.EventTypeWarning,
				InvolvedObject: corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "CloudSSOUser", Namespace: namespace, Name: "user-007"},
				LastTimestamp:  metav1.NewTime(at),
			}
			create(ctx, event)
			create(ctx, &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Reason: "Started", LastTimestamp: metav1.NewTime(at),
				InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "pod"},
			})
			for _, name := range []string{"developers-1-a", "developers-1-b"} { // of one request
				create(ctx, &v1alpha1.CloudSSOMembershipSlice{
					ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
						v1alpha1.AnnotationLastChange: `{"cause":"Replace","credential":"entra","requestID":"request-2","time":"2027-01-31T13:00:00Z"}`,
					}},
					Spec: v1alpha1.CloudSSOMembershipSliceSpec{Group: "developers-1", Source: v1alpha1.SourceSCIM, Members: []v1alpha1.Member{{Name: "user-000"}}},
				})
			}
		})

		lesser := func(ctx context.Context, arguments ...string) (out, stderr string) {
			GinkgoHelper()
			out, stderr, err := runAt(ctx, nil, kubeconfig, append([]string{"log", "--operator-namespace", system, "--as", "viewer"}, arguments...)...)
			Expect(err).NotTo(HaveOccurred())
			return out, stderr
		}

		It("shows the last changes and Events, and says which right is missing", func(ctx SpecContext) {
			out, stderr := lesser(ctx)
			Expect(stderr).To(And(HavePrefix("warning: only the last change of each user and group, and Events, are shown: you may not read the operator's log: "),
				ContainSubstring(`cannot list resource "pods"`), ContainSubstring("Ask for the right. If it runs in another namespace, give that with --operator-namespace")))
			Expect(strings.Count(stderr, "\n")).To(Equal(1))
			Expect(rows(out)).To(HaveLen(1 + userCount + 2))
			Expect(rows(out)[1]).To(MatchRegexp(`^2027-01-31T12:00:00.000Z +Modify +<none> +okta +User/User000@example.com +request-1 +<none>$`))
			Expect(rows(out)[userCount+1]).To(MatchRegexp(`^2027-01-31T13:00:00.000Z +Replace +<none> +entra +Group/Developers +request-2 +<none>$`))
			Expect(rows(out)[userCount+2]).To(MatchRegexp(`^2027-02-01T00:00:00.000Z +UserNameConflict +<none> +<none> +User/user-007 +<none> +another user has the name$`))
		})

		// permit gives the viewer a right in the operator's namespace.
		permit := func(ctx context.Context, resource string, verbs ...string) {
			GinkgoHelper()
			name := strings.ReplaceAll(resource, "/", "-")
			Expect(cluster.Create(ctx, &rbacv1.Role{
				ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name},
				Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{resource}, Verbs: verbs}},
			})).To(Succeed())
			Expect(cluster.Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
				Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "viewer"}},
			})).To(Succeed())
		}

		It("names the right to read logs, too", func(ctx SpecContext) {
			permit(ctx, "pods", "list")
			Eventually(func() string { // the API server may learn of the right later
				_, stderr := lesser(ctx, "--tail", "0")
				return stderr
			}).Should(ContainSubstring(`cannot get resource "pods/log"`))
		})

		It("warns a person who may read the log, but not the users of all directories", func(ctx SpecContext) {
			fillLogs(ctx)
			permit(ctx, "pods", "list")
			permit(ctx, "pods/log", "get")
			out, stderr := lesser(ctx, "-A", "--user", "user000@example.com", "-o", "json")
			Expect(requestsIn(out)).To(Equal([]string{"a-old"}))
			Expect(stderr).To(And(HavePrefix("warning: you may not read users ("), ContainSubstring("give the user's id")))
		})

		It("shows the kinds that the person may read", func(ctx SpecContext) {
			role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "viewer"}}
			role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"cloudssousers"}, Verbs: []string{"list"}}}
			Expect(cluster.Update(ctx, role)).To(Succeed())
			Eventually(func(g Gomega) {
				out, stderr := lesser(ctx)
				g.Expect(rows(out)).To(HaveLen(1 + userCount))
				for _, kind := range []string{"groups", "membership slices", "Events"} {
					g.Expect(stderr).To(ContainSubstring("warning: reading the " + kind + ": "))
				}
			}).WithTimeout(time.Minute).Should(Succeed()) // the API server's authorizer learns of it a moment later
			_, err := run(ctx, unpermitted, "log", "--operator-namespace", system)
			Expect(err).To(MatchError(And(ContainSubstring("reading the users: "), ContainSubstring("reading the Events: "))))
		})

		It("selects", func(ctx SpecContext) {
			for arguments, want := range map[string][]string{
				"--tail 1":                        {"UserNameConflict"},
				"--user USER007@example.com":      {"Modify", "UserNameConflict"},
				"--request request-2":             {"Replace"},
				"--credential entra":              {"Replace"},
				"--credential okta --tail 2":      {"Modify", "Modify"},
				"--user user-000 --since 999999h": {"Modify"},
			} {
				out, _ := lesser(ctx, append(strings.Fields(arguments), "-o", "json")...)
				var got []string
				for text := range strings.Lines(out) {
					var c struct{ Source, Cause, Reason string }
					Expect(json.Unmarshal([]byte(text), &c)).To(Succeed())
					Expect(c.Source).To(Or(Equal("LastChange"), Equal("Event")))
					got = append(got, c.Cause+c.Reason)
				}
				Expect(got).To(Equal(want), arguments)
			}
		})

		It("refuses what only the log can do", func(ctx SpecContext) {
			for _, flag := range []string{"--outcome=Deactivated", "--follow"} {
				_, err := run(ctx, kubeconfig, "log", "--operator-namespace", system, "--as", "viewer", flag)
				Expect(err).To(MatchError(And(HavePrefix("-f and --outcome need the log: you may not read the operator's log: "), ContainSubstring("--operator-namespace"))))
			}
		})
	})
})

// provisioningOf returns the last line of a log.
func provisioningOf(k *kubelet, namespace, pod string) string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	lines := k.logs[pathOf(namespace, pod)].lines
	return lines[len(lines)-1].text
}
