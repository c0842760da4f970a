package plugin_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("completion through kubectl", func() {
	It("completes verbs and names", func(ctx SpecContext) {
		for name, userName := range map[string]string{"ada": "Ada@example.com", "alan": "alan@example.com", "bob": "bob@example.com"} {
			u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: name}, Spec: v1alpha1.CloudSSOUserSpec{UserName: userName}}
			Expect(environment.Admin.Create(ctx, u)).To(Succeed())
		}
		out, _ := kubectl(ctx, 0, "__complete", "cloudsso", "user", "a")
		Expect(out).To(HavePrefix("Ada@example.com\nalan@example.com\n:4\n"))
		out, _ = kubectl(ctx, 0, "__complete", "cloudsso", "cred")
		Expect(out).To(HavePrefix("credential\t"))
	})

	It("is found as a plugin", func(ctx SpecContext) {
		out, _ := kubectl(ctx, 0, "plugin", "list")
		Expect(out).To(ContainSubstring("kubectl-cloudsso"))
	})
})
