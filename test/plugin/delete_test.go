package plugin_test

import (
	"context"
	"net/http"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// holdFinalizer keeps a user from going, as that of another controller may.
const holdFinalizer = "example.com/hold"

// provision creates a user as the identity provider does, and returns its id.
func provision(ctx context.Context, token, name string) (id string) {
	GinkgoHelper()
	scim, err := provider.New(environment.BaseURL, token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	defer scim.HTTP.CloseIdleConnections()
	response, err := scim.Do(ctx, http.MethodPost, "/Users", load.User(name))
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Status).To(Equal(http.StatusCreated))
	return response.ID()
}

func isGone(ctx context.Context, user string) func() bool {
	return func() bool {
		return apierrors.IsNotFound(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: user}, &v1alpha1.CloudSSOUser{}))
	}
}

func directory(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	return d
}

// hold adds a finalizer to a user, which synchronization keeps people from. release removes it.
func hold(ctx context.Context, user string) (release func()) {
	GinkgoHelper()
	kubectl(ctx, 0, "cloudsso", "sync", "disable", "--yes")
	change := func(change func(*v1alpha1.CloudSSOUser) bool) {
		GinkgoHelper()
		Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			u := &v1alpha1.CloudSSOUser{}
			if err := environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: user}, u); err != nil {
				return err
			}
			change(u)
			return environment.Admin.Update(ctx, u)
		})).To(Succeed())
	}
	change(func(u *v1alpha1.CloudSSOUser) bool { return controllerutil.AddFinalizer(u, holdFinalizer) })
	kubectl(ctx, 0, "cloudsso", "sync", "enable", "--yes")
	return func() {
		change(func(u *v1alpha1.CloudSSOUser) bool { return controllerutil.RemoveFinalizer(u, holdFinalizer) })
	}
}

var _ = Describe("kubectl cloudsso delete-user", func() {
	var token string // that of the environment is revoked by another spec

	BeforeEach(func(ctx SpecContext) {
		token = created(ctx, "provisioner")
		Eventually(statusWith(ctx, token)).Should(Equal(http.StatusOK))
	})

	It("deletes a synchronized user while synchronization is off for a moment", func(ctx SpecContext) {
		user := provision(ctx, token, "leaver")
		_, stderr := kubectl(ctx, 1, "delete", "cloudssouser", user)
		Expect(stderr).To(ContainSubstring("is synchronized by SCIM"))
		out, stderr := kubectl(ctx, 0, "cloudsso", "delete-user", load.UserName("leaver"), "--yes")
		Expect(out).To(Equal("cloudssouser " + environment.Namespace + "/" + user + " deleted\n"))
		Expect(stderr).To(MatchRegexp(`^directory \S+: synchronization is Disabled until \S+\ndirectory \S+: synchronization is Enabled\n$`))
		Expect(isGone(ctx, user)()).To(BeTrue())
		Expect(directory(ctx).Spec).To(And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		Expect(provision(ctx, token, "leaver")).NotTo(Equal(user), "the identity provider may create it again")
	})

	It("turns synchronization on when it is interrupted, and says what the user waits for", func(ctx SpecContext) {
		user := provision(ctx, token, "held")
		release := hold(ctx, user)
		session := start(ctx, "cloudsso", "delete-user", user, "--yes")
		Eventually(session.Err).Should(gbytes.Say("synchronization is Disabled until"))
		Eventually(func() *metav1.Time {
			u := &v1alpha1.CloudSSOUser{}
			Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: user}, u)).To(Succeed())
			return u.DeletionTimestamp
		}).ShouldNot(BeNil())
		session.Interrupt()
		Eventually(session).Should(gexec.Exit(1))
		Expect(string(session.Err.Contents())).To(And(ContainSubstring("user "+user+" is not gone yet"), ContainSubstring("synchronization is Enabled")))
		Expect(directory(ctx).Spec).To(And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		kubectl(ctx, 0, "cloudsso", "sync", "disable", "--yes")
		release()
		Eventually(isGone(ctx, user)).Should(BeTrue())
		kubectl(ctx, 0, "cloudsso", "sync", "enable", "--yes")
	})

	It("leaves it to the operator to turn synchronization on when it is killed", func(ctx SpecContext) {
		user := provision(ctx, token, "killed")
		release := hold(ctx, user)
		session := start(ctx, "cloudsso", "delete-user", user, "--yes", "--for", "30s")
		Eventually(session.Err).Should(gbytes.Say("synchronization is Disabled until"))
		session.Signal(syscall.SIGKILL)
		Eventually(session).Should(gexec.Exit())
		at := directory(ctx).Spec.ResumeAt
		Expect(at).NotTo(BeNil())
		release()
		Eventually(func() v1alpha1.CloudSSODirectorySpec { return directory(ctx).Spec }).Should(And(
			HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		Expect(time.Now()).To(BeTemporally(">=", at.Time))
	})
})
