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
		out, _ = kubectl(ctx, 0, "__complete", "cloudsso", "users", "-o", "")
		Expect(out).To(HavePrefix("wide\njson\nyaml\nname\n:4\n"))
		out, _ = kubectl(ctx, 0, "__complete", "cloudsso", "users", "-n", environment.Namespace[:1])
		Expect(out).To(HavePrefix(environment.Namespace+"\n:4\n"), "the namespace of the directory")
		out, _ = kubectl(ctx, 0, "__complete", "cloudsso", "import", "-n", "kube-p")
		Expect(out).To(HavePrefix("kube-public\n:4\n"), "a namespace without a directory")
	})

	It("is found as a plugin", func(ctx SpecContext) {
		out, _ := kubectl(ctx, 0, "plugin", "list")
		Expect(out).To(ContainSubstring("kubectl-cloudsso"))
	})
})
