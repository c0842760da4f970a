package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/root"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// credentialNamed reads a credential; nil if there is none whose name begins so.
func credentialNamed(ctx context.Context, prefix string) *v1alpha1.SCIMCredential {
	GinkgoHelper()
	var all v1alpha1.SCIMCredentialList
	Expect(cluster.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
	for i := range all.Items {
		if strings.HasPrefix(all.Items[i].Name, prefix) {
			return &all.Items[i]
		}
	}
	return nil
}

// use writes what the operator writes for a credential that it accepts and that was used.
func use(ctx context.Context, c *v1alpha1.SCIMCredential, at time.Time) {
	GinkgoHelper()
	c.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionUsable, metav1.ConditionTrue)}
	c.Status.LastUsedTime = &metav1.Time{Time: at}
	Expect(cluster.Status().Update(ctx, c)).To(Succeed())
}

// rotating is a command that rotates the credential okta, with a clock of its own.
type rotating struct {
	stdout, stderr bytes.Buffer
	ahead          atomic.Int64 // of the clock, in nanoseconds
	looks          atomic.Int32 // of the command at its clock
	done           chan error
}

func (r *rotating) now() time.Time {
	r.looks.Add(1)
	return time.Now().Add(time.Duration(r.ahead.Load()))
}

// waitLook waits until the command has looked at the credentials as they are now.
func (r *rotating) waitLook(ctx context.Context) {
	GinkgoHelper()
	before := r.looks.Load()
	Eventually(r.looks.Load).WithContext(ctx).WithTimeout(time.Minute).Should(BeNumerically(">=", before+2)) // one may have read before
}

// rotate starts a rotation with a person at the terminal who types the answers; nil is no terminal. It returns both
// credentials. Those that are left are deleted after the test.
func rotate(ctx context.Context, account string, answers []string, flags ...string) (r *rotating, old, successor *v1alpha1.SCIMCredential) {
	GinkgoHelper()
	old = &v1alpha1.SCIMCredential{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"},
		Spec:       v1alpha1.SCIMCredentialSpec{TokenHash: auth.HashToken("old").String()},
	}
	Expect(cluster.Create(ctx, old)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(cluster.DeleteAllOf(ctx, old, client.InNamespace(namespace))).To(Succeed())
	})
	r = &rotating{done: make(chan error, 1)}
	p := plugin.New(genericiooptions.IOStreams{In: bytes.NewBufferString(strings.Join(answers, "\n")), Out: &r.stdout, ErrOut: &r.stderr})
	p.AtTerminal, p.Now = answers != nil, r.now
	cmd := root.NewCommand(p)
	cmd.SetArgs(append([]string{"--kubeconfig", account, "--namespace", namespace, "credential", "rotate", "okta"}, flags...))
	go func() { r.done <- cmd.ExecuteContext(ctx) }()
	Eventually(func() *v1alpha1.SCIMCredential { successor = credentialNamed(ctx, "okta-"); return successor }).WithTimeout(time.Minute).ShouldNot(BeNil())
	return r, old, successor
}

var _ = Describe("kubectl cloudsso credential rotate", func() {
	// move uses the new token twice, and lets the time between pass.
	move := func(ctx context.Context, r *rotating, successor *v1alpha1.SCIMCredential) {
		used := time.Now()
		use(ctx, successor, used)
		r.waitLook(ctx)
		r.ahead.Store(int64(2 * time.Minute))
		r.waitLook(ctx)
		Expect(r.done).NotTo(Receive(), "one use is no proof")
		use(ctx, successor, used.Add(2*time.Minute))
	}

	It("revokes the old credential when the new token is used and saved, whatever single reads say", func(ctx SpecContext) {
		var reads atomic.Int32
		flaky := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			isRead := r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/scimcredentials/")
			if n := reads.Add(1); isRead && credentialNamed(ctx, "okta-") != nil && n%3 == 0 {
				http.Error(w, "", []int{http.StatusUnauthorized, http.StatusInternalServerError}[n%2])
				return
			}
			pass.ServeHTTP(w, r)
		})
		r, old, successor := rotate(ctx, flaky, []string{"y", "yes"})
		move(ctx, r, successor)
		Eventually(r.done).WithContext(ctx).WithTimeout(time.Minute).Should(Receive(BeNil()))
		_, isToken := auth.ParseToken(r.stdout.String())
		Expect(isToken).To(BeTrue(), "a program gets the token without a line break")
		Expect(r.stderr.String()).To(And(ContainSubstring("Is the new token saved in the identity provider?"), HaveSuffix("scimcredential default/okta revoked.\n")))
		Expect(client.IgnoreNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(old), old))).To(Succeed())
		Expect(credentialNamed(ctx, "okta").Name).To(Equal(successor.Name))
	})

	It("keeps both credentials if the new token is not saved", func(ctx SpecContext) {
		r, old, successor := rotate(ctx, kubeconfig, []string{"y", "n"})
		move(ctx, r, successor)
		Eventually(r.done).WithContext(ctx).WithTimeout(time.Minute).Should(Receive(MatchError(And(
			HavePrefix("okta was not revoked. "+successor.Name+" and okta stay."),
			ContainSubstring("To go back: kubectl cloudsso credential revoke "+successor.Name+" -n default"),
		))))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(old), old)).To(Succeed())
	})

	It("is done when another person has revoked the old credential and the new token is used", func(ctx SpecContext) {
		r, old, successor := rotate(ctx, kubeconfig, nil, "--yes")
		Expect(cluster.Delete(ctx, old)).To(Succeed())
		use(ctx, successor, time.Now())
		Eventually(r.done).WithContext(ctx).WithTimeout(time.Minute).Should(Receive(BeNil()))
		Expect(r.stderr.String()).To(HaveSuffix("scimcredential default/okta was revoked already.\n"))
	})

	It("stops if the old credential is replaced by another of its name", func(ctx SpecContext) {
		var replacing sync.RWMutex // a look in between would show that the old credential is gone
		account := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			replacing.RLock()
			defer replacing.RUnlock()
			pass.ServeHTTP(w, r)
		})
		r, old, successor := rotate(ctx, account, nil, "--yes")
		replacing.Lock()
		deleted := cluster.Delete(ctx, old)
		old.ResourceVersion, old.UID = "", ""
		created := cluster.Create(ctx, old)
		replacing.Unlock()
		Expect(errors.Join(deleted, created)).To(Succeed())
		use(ctx, successor, time.Now())
		Eventually(r.done).WithContext(ctx).WithTimeout(time.Minute).Should(Receive(MatchError(ContainSubstring("reading okta: it was replaced by another credential of the same name. Nothing was revoked"))))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(old), old)).To(Succeed())
	})

	It("refuses times in which nothing can be seen", func(ctx SpecContext) {
		create(ctx, &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Name: "okta"}})
		_, err := run(ctx, kubeconfig, "credential", "rotate", "okta", "--yes", "--quiet-time", "59s")
		Expect(err).To(MatchError(HavePrefix("--quiet-time 59s is too short")))
		_, err = run(ctx, kubeconfig, "credential", "rotate", "okta", "--yes", "--timeout", "2m")
		Expect(err).To(MatchError(HavePrefix("--timeout 2m is over before --quiet-time 2m")))
		Expect(credentialNamed(ctx, "okta-")).To(BeNil())
	})
})

// asProcess is the variable of the environment that lets the test's own program be the plugin.
const asProcess = "CLOUDSSO_TEST_AS_PLUGIN"

// process returns the plugin as a process.
func process(ctx context.Context, arguments ...string) *exec.Cmd {
	GinkgoHelper()
	self, err := os.Executable()
	Expect(err).NotTo(HaveOccurred())
	cmd := exec.CommandContext(ctx, self, append(arguments, "--kubeconfig", kubeconfig, "--namespace", namespace)...)
	cmd.Env = append(os.Environ(), asProcess+"=1")
	return cmd
}

var _ = Describe("a pipe that is closed", func() {
	// runClosed runs the plugin with a closed pipe as its standard output, and returns the standard error.
	runClosed := func(ctx context.Context, arguments ...string) string {
		GinkgoHelper()
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(reader.Close()).To(Succeed())
		defer writer.Close()
		var stderr bytes.Buffer
		cmd := process(ctx, arguments...)
		cmd.Stdout, cmd.Stderr = writer, &stderr
		Expect(cmd.Run()).To(MatchError("exit status 1"), stderr.String())
		return stderr.String()
	}

	It("does not hide that a token is lost", func(ctx SpecContext) {
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, credentialNamed(ctx, "lost"))).To(Succeed()) })
		stderr := runClosed(ctx, "credential", "create", "lost")
		Expect(stderr).To(And(
			ContainSubstring("error: the token of credential lost could not be printed and is lost"),
			HaveSuffix("revoke it: kubectl cloudsso credential revoke lost -n default\n"),
		))
	})

	It("ends a list without a message", func(ctx SpecContext) {
		Expect(runClosed(ctx, "users")).To(BeEmpty())
	})
})
