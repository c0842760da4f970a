package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	protocol "github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

var _ = Describe("a withheld deactivation", func() {
	var disabled, deleted *v1alpha1.CloudSSOUser
	BeforeEach(func(ctx SpecContext) {
		modify(ctx, directoryOf(ctx), func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(1)), Window: metav1.Duration{Duration: time.Hour}}
		})
		Eventually(withholding(ctx)).Should(Equal(v1alpha1.ReasonNothingWithheld))
		Expect(deactivate(ctx, postUser(ctx, "within"))).To(Succeed())
		disabled, deleted = postUser(ctx, "disabled"), postUser(ctx, "deleted")
		Expect(deactivate(ctx, disabled)).NotTo(Succeed())
		_, err := resources.In(namespace).Delete(ctx, schema.User, deleted.Name, nil)
		Expect(err).To(HaveOccurred())
		reread(ctx, disabled)
		reread(ctx, deleted)
	})

	It("is shown by the directory, which says how to apply each", func(ctx SpecContext) {
		Eventually(func() int32 { return directoryOf(ctx).Status.Users.Withheld }).Should(Equal(int32(2)))
		d := directoryOf(ctx)
		Expect(withholding(ctx)()).To(Equal(v1alpha1.ReasonBudgetExceeded))
		Expect(d.Status.Users.Active).To(Equal(int32(2)))
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement(v1alpha1.ConditionDeactivationsWithheld))

		message := controllerutil.MessageOf(d.Status.Conditions, v1alpha1.ConditionDeactivationsWithheld)
		Expect(message).To(HavePrefix("2 deactivations are withheld, since "))
		_, command, _ := strings.Cut(message, "to apply all: ")
		command, _, _ = strings.Cut(command, "; to discard")
		bash(ctx, command)

		Eventually(stateOf(ctx, disabled)).Should(Equal(v1alpha1.UserDisabled))
		Eventually(stateOf(ctx, deleted)).Should(Equal(v1alpha1.UserDeprovisioned))
		Eventually(withholding(ctx)).Should(Equal(v1alpha1.ReasonNothingWithheld))
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement("DeactivationsDecided"))
		for _, u := range []*v1alpha1.CloudSSOUser{disabled, deleted} {
			Expect(u.Spec.Withheld).To(BeNil())
			Eventually(reasonsOf(ctx, u.Name)).Should(ContainElement("DeactivationApplied"))
		}
	})

	It("is decided as its answer says, while the switch is Disabled too", func(ctx SpecContext) {
		answer := deactivate(ctx, disabled)
		turn(ctx, v1alpha1.SynchronizationDisabled)
		_, command, _ := strings.Cut(answer.Error(), "To apply it: ")
		command, _, _ = strings.Cut(command, ". To discard")
		modified := disabled.Annotations[v1alpha1.AnnotationLastModified]
		bash(ctx, strings.Replace(command, "Apply", "Discard", 1))
		Eventually(func() *v1alpha1.WithheldDeactivation { reread(ctx, disabled); return disabled.Spec.Withheld }).Should(BeNil())
		Expect(disabled.Spec.Active).To(HaveValue(BeTrue()))
		Expect(disabled.Annotations[v1alpha1.AnnotationLastModified]).To(Equal(modified))
		Expect(lastChangeOf(disabled)).To(And(HaveKeyWithValue("cause", "Discard"), HaveKeyWithValue("credential", "okta"), HaveKeyWithValue("requestID", "r1")))
		Eventually(reasonsOf(ctx, disabled.Name)).Should(ContainElement("DeactivationDiscarded"))
		Eventually(withholding(ctx)).Should(Equal(v1alpha1.ReasonBudgetExceeded), "another one is withheld")

		bash(ctx, strings.Replace(command, disabled.Name, deleted.Name, 1))
		Eventually(stateOf(ctx, deleted)).Should(Equal(v1alpha1.UserDeprovisioned))
		Expect(deleted.Annotations).To(HaveKey(v1alpha1.AnnotationLastModified))
		Expect(lastChangeOf(deleted)).To(HaveKeyWithValue("cause", "Apply"))
	})

	It("stays when the budget is removed", func(ctx SpecContext) {
		modify(ctx, directoryOf(ctx), func(d *v1alpha1.CloudSSODirectory) { d.Spec.DisablementBudget = nil })
		Eventually(func() int { return len(directoryOf(ctx).Status.Deactivations) }).Should(BeZero())
		Eventually(withholding(ctx)).Should(Equal(v1alpha1.ReasonBudgetExceeded))
		for _, u := range []*v1alpha1.CloudSSOUser{disabled, deleted} {
			modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Withheld.Decision = v1alpha1.DecisionDiscard })
		}
		Eventually(withholding(ctx)).Should(BeEmpty())
	})
})

var _ = Describe("a disablement budget", func() {
	It("costs one write for each deactivation, and the directory's own counts one a second", func(ctx SpecContext) {
		modify(ctx, directoryOf(ctx), func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(100)), Window: metav1.Duration{Duration: time.Hour}}
		})
		Eventually(withholding(ctx)).Should(Equal(v1alpha1.ReasonNothingWithheld))
		users := make([]*v1alpha1.CloudSSOUser, 30)
		for i := range users {
			users[i] = postUser(ctx, fmt.Sprintf("user-%d", i))
		}
		Eventually(func() int32 { return directoryOf(ctx).Status.Users.Active }).Should(BeEquivalentTo(len(users)))

		before, began := directoryWrites(), time.Now()
		for _, u := range users {
			Expect(deactivate(ctx, u)).To(Succeed())
		}
		Eventually(func() int32 { return directoryOf(ctx).Status.Users.Disabled }).Should(BeEquivalentTo(len(users)))
		seconds := int(time.Since(began)/time.Second) + 1
		Expect(directoryWrites() - before).To(BeNumerically("<=", len(users)+2*seconds)) // each of the directory's may conflict with one
	})
})

// directoryWrites returns how often the directory's status was written.
func directoryWrites() (n int) {
	for _, line := range written.In(namespace) {
		if strings.HasSuffix(line, "/cloudssodirectories/"+v1alpha1.DirectoryName+"/status") {
			n++
		}
	}
	return n
}

// deactivate disables a user as a SCIM request does.
func deactivate(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	ctx = protocol.WithRequest(ctx, protocol.Request{ID: "r1", Subject: namespace + "/okta", Operation: "Modify"})
	_, err := resources.In(namespace).Update(ctx, schema.User, u.Name, protocol.Change{Attributes: func(current schema.Object) (schema.Object, error) {
		return current.With(schema.Active, false), nil
	}})
	return err
}

// withholding returns a function that returns the reason of the directory's condition DeactivationsWithheld.
func withholding(ctx context.Context) func() string {
	return func() string {
		return controllerutil.ReasonOf(directoryOf(ctx).Status.Conditions, v1alpha1.ConditionDeactivationsWithheld)
	}
}

func lastChangeOf(u *v1alpha1.CloudSSOUser) map[string]string {
	GinkgoHelper()
	var change map[string]string
	Expect(json.Unmarshal([]byte(u.Annotations[v1alpha1.AnnotationLastChange]), &change)).To(Succeed())
	return change
}

// bash runs a command as an administrator who copies it into a shell.
func bash(ctx context.Context, command string) {
	GinkgoHelper()
	kubectl, err := controlplane.Kubectl()
	Expect(err).NotTo(HaveOccurred())
	content, err := plane.Kubeconfig(plane.Admin())
	Expect(err).NotTo(HaveOccurred())
	kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(kubeconfig, content, 0o600)).To(Succeed())
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command)
	shell.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Dir(kubectl)+":"+os.Getenv("PATH"))
	output, err := shell.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s: %s", command, output)
}
