package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/root"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

const (
	namespace = "default"
	changed   = `{"cause":"Modify","credential":"okta","requestID":"request-1","time":"2027-01-31T12:00:00Z"}`
	// userCount is more than one page of a list.
	userCount = 501
)

var (
	cluster     client.Client
	kubeconfig  string // of an administrator
	unpermitted string // of an account without rights
	etcd        *url.URL
)

func TestMain(m *testing.M) {
	if os.Getenv(asProcess) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A terminal that closes sends SIGHUP.
func TestHangupEndsTheContext(t *testing.T) {
	heard := make(chan os.Signal, 1) // nohup may have started the test
	signal.Notify(heard, syscall.SIGHUP)
	defer signal.Stop(heard)
	ctx, stop := untilHangup(t.Context())
	defer stop()
	hangUp(t)
	<-ctx.Done()
	if t.Context().Err() != nil {
		t.Error("the test has ended instead")
	}
}

func TestProcessOfNohupGoesOn(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	ctx, stop := untilHangup(t.Context())
	defer stop()
	hangUp(t)
	if !signal.Ignored(syscall.SIGHUP) || ctx.Err() != nil {
		t.Error("the closed terminal has ended the process")
	}
}

func hangUp(t *testing.T) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGHUP)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlugin(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set, so there is no API server to test on: run `make test`, which builds one and sets it")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "kubectl cloudsso")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	environment := &envtest.Environment{
		CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true, ControlPlaneStartTimeout: 2 * time.Minute, // as for the other suites
	}
	DeferCleanup(environment.Stop)
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred())
	etcd = environment.ControlPlane.Etcd.URL
	kubeconfig = kubeconfigOf(environment, envtest.User{Name: "admin", Groups: []string{"system:masters"}})
	unpermitted = kubeconfigOf(environment, envtest.User{Name: "eve"})
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	cluster, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	cluster = client.WithFieldOwner(cluster, "kubectl-edit")
	fill(ctx)
})

func kubeconfigOf(environment *envtest.Environment, who envtest.User) string {
	user, err := environment.AddUser(who, nil)
	Expect(err).NotTo(HaveOccurred())
	file, err := user.KubeConfig()
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(GinkgoT().TempDir(), who.Name)
	Expect(os.WriteFile(path, file, 0o600)).To(Succeed())
	return path
}

// fill creates a directory whose group developers has the role view in one namespace through one assignment. The last of its
// members is disabled.
func fill(ctx context.Context) {
	members := []v1alpha1.Member{}
	names := []string{}
	for i := range userCount {
		u := &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: nameOf(i), Annotations: map[string]string{v1alpha1.AnnotationLastChange: changed}},
			Spec:       v1alpha1.CloudSSOUserSpec{UserName: fmt.Sprintf("User%03d@example.com", i), Source: v1alpha1.SourceSCIM},
		}
		if i == userCount-1 {
			u.Spec.Active, u.Spec.UserName = new(false), "=cmd|' /C calc'!A0"
		}
		Expect(cluster.Create(ctx, u)).To(Succeed())
		members = append(members, v1alpha1.Member{Name: u.Name})
		names = append(names, u.Spec.UserName)
	}
	assignment := &v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "view"},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "Developers"},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Target:    v1alpha1.AccessTarget{Namespaces: []string{"kube-public"}},
		},
	}
	for _, o := range []client.Object{
		&v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}},
		&v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "developers-1"},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Developers", Members: members},
		},
		newClaim(nameclaim.UserName(namespace, names[0]), "user-000"),
		assignment,
		newBinding(0, names[:access.MaxSubjects]),
		newBinding(1, names[access.MaxSubjects:2*access.MaxSubjects]),
	} {
		Expect(cluster.Create(ctx, o)).To(Succeed())
	}
	assignment.Status.Principal = &v1alpha1.PinnedPrincipal{Name: "developers-1"}
	Expect(cluster.Status().Update(ctx, assignment)).To(Succeed())
}

func newClaim(name nameclaim.Name, holder string) *v1alpha1.CloudSSONameClaim {
	return &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name.Key().Name},
		Spec:       v1alpha1.CloudSSONameClaimSpec{Kind: name.Kind, Name: name.Folded, Holder: holder, AcquiredAt: metav1.NowMicro()},
	}
}

func newBinding(number int, names []string) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: access.BindingName(namespace, "view", number)},
		Subjects:   access.Subjects(names),
		RoleRef:    access.RoleRef(v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"}),
	}
	access.Origin{Directory: namespace, Assignment: "view", Kind: v1alpha1.PrincipalGroup, Principal: "developers-1"}.Write(b)
	return b
}

// run runs the plugin as the account of a kubeconfig.
func run(ctx context.Context, account string, arguments ...string) (stdout string, err error) {
	stdout, _, err = runAt(ctx, nil, account, arguments...)
	return stdout, err
}

// runAt runs the plugin with a person at the terminal who types the answers; nil is no terminal.
func runAt(ctx context.Context, answers []string, account string, arguments ...string) (stdout, stderr string, err error) {
	return runWith(ctx, func(p *plugin.Plugin) {
		p.In, p.AtTerminal = bytes.NewBufferString(strings.Join(answers, "\n")), answers != nil
	}, account, arguments...)
}

// runWith runs the plugin after a change of it.
func runWith(ctx context.Context, change func(*plugin.Plugin), account string, arguments ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	p := plugin.New(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut})
	change(p)
	cmd := root.NewCommand(p)
	cmd.SetArgs(append([]string{"--kubeconfig", account, "--namespace", namespace}, arguments...))
	err = cmd.ExecuteContext(ctx)
	return out.String(), errOut.String(), err
}

var _ = Describe("kubectl cloudsso review", func() {
	It("shows every grant as a table", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "review")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`(?m)^User150@example.com +User150@example.com +ClusterRole/view +kube-public +Developers +view +<none>$`))
	})

	It("shows every grant as CSV", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "review", "-o", "csv")
		Expect(err).NotTo(HaveOccurred())
		rows, err := csv.NewReader(bytes.NewBufferString(out)).ReadAll()
		Expect(err).NotTo(HaveOccurred())
		Expect(rows).To(HaveLen(1 + 2*access.MaxSubjects))
		Expect(rows[1]).To(Equal([]string{
			"User000@example.com", "User000@example.com", "ClusterRole/view", "kube-public", "Developers", "view", "cloudsso:default:view:0", "",
			"CloudSSOUser/user-000", "2027-01-31T12:00:00Z", "Modify", "okta", "request-1", "user-000", "developers-1", "",
		}))
	})

	It("shows every grant as JSON", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "review", "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		var all []access.Grant
		Expect(json.Unmarshal([]byte(out), &all)).To(Succeed())
		Expect(all).To(HaveLen(2 * access.MaxSubjects))
		Expect(all[0].RequestID).To(Equal("request-1"))
	})

	It("says that there is none", func(ctx SpecContext) {
		d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: v1alpha1.DirectoryName}}
		Expect(cluster.Create(ctx, d)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, d)).To(Succeed()) })
		out, stderr, err := runAt(ctx, nil, kubeconfig, "review", "-n", "kube-public")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(BeEmpty())
		Expect(stderr).To(HavePrefix("No access found in kube-public namespace"))
		out, err = run(ctx, kubeconfig, "review", "-n", "kube-public", "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("[]\n"))
	})

	It("says which right is missing", func(ctx SpecContext) {
		_, err := run(ctx, unpermitted, "review")
		Expect(err).To(MatchError(And(ContainSubstring("reading the CloudSSODirectory"), ContainSubstring("forbidden"), ContainSubstring("docs/access-review.md"))))
	})

	It("refuses an unknown format", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "review", "-o", "xml")
		Expect(err).To(MatchError(`--output "xml": give table, csv, json or yaml`))
	})
})

var _ = Describe("kubectl cloudsso explain", func() {
	It("finds a user by userName, in any spelling", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "explain", "USER000@EXAMPLE.COM")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("State:        Active\nGroups:       Developers\nLast change:  Modify by credential okta, request request-1, 2027-01-31T12:00:00Z\n"))
		Expect(out).To(MatchRegexp(`\nBy hand:      field manager kubectl-edit owns fields of the spec; its last change of the object was at \S+Z; the audit log of the API server has the person\n`))
		Expect(out).To(MatchRegexp(`ClusterRole/view +kube-public +Developers +view +cloudsso:default:view:0 +2027-01-31T12:00:00Z +request-1`))
	})

	It("says why a user has no access", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "explain", "user-500")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("State:        Disabled: active is false\n"))
		Expect(out).To(ContainSubstring("not granted: the user has no effect (Disabled)"))
	})

	It("says so if another user gets the same Kubernetes user name", func(ctx SpecContext) {
		twin := &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "twin"},
			Spec:       v1alpha1.CloudSSOUserSpec{UserName: "User300@example.com", Source: v1alpha1.SourceSCIM},
		}
		Expect(cluster.Create(ctx, twin)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, twin)).To(Succeed()) })
		out, err := run(ctx, kubeconfig, "explain", "user-300")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring(`not granted: another user gets the Kubernetes user name "User300@example.com" too`))
	})

	It("explains to a program", func(ctx SpecContext) {
		for _, format := range []string{"json", "yaml"} {
			out, err := run(ctx, kubeconfig, "explain", "user-500", "-o", format)
			Expect(err).NotTo(HaveOccurred())
			Expect(yaml.YAMLToJSON([]byte(out))).To(And(
				ContainSubstring(`"lastChange":{"cause":"Modify","credential":"okta","requestID":"request-1","time":"2027-01-31T12:00:00Z"}`),
				ContainSubstring(`"groups":[{"displayName":"Developers","group":"developers-1","source":"SCIM"}]`),
				ContainSubstring(`"reason":"active is false"`), ContainSubstring(`"fieldManager":"kubectl-edit"`)))
		}
	})

	It("says why a user is disabled to a person who may not read bindings, too", func(ctx SpecContext) {
		permitToView(ctx)
		arguments := []string{"explain", "user-500", "--as", "viewer"}
		Eventually(func() (string, error) { return run(ctx, kubeconfig, arguments...) }).Should(And(
			ContainSubstring("State:        Disabled: active is false\nGroups:       Developers\nLast change:  Modify by credential okta"),
			MatchRegexp(`\nAccess:       unknown: reading the RoleBindings of all namespaces: .*"viewer" cannot list .*; docs/access-review.md lists the rights that this needs\n$`)))
		out, err := run(ctx, kubeconfig, append(arguments, "-o", "json")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(And(ContainSubstring(`"accessUnknown": "reading the RoleBindings`), Not(ContainSubstring(`"access":`))))
	})

	It("says so of one that is not there", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "explain", "nemo@example.com")
		Expect(err).To(MatchError(`namespace default has no user with userName or metadata.name "nemo@example.com"`))
	})
})

// permitToView lets the user viewer read the directory and its Events for the time of a test. The API server may learn of it later.
func permitToView(ctx context.Context) {
	GinkgoHelper()
	create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "viewer"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"list"}},
	}})
	create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "viewer"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "viewer"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "viewer"}},
	})
}

// nameOf returns the metadata.name of a user of fill.
func nameOf(i int) string { return fmt.Sprintf("user-%03d", i) }
