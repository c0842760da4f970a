package admission_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// newMapping returns a directory with a setting of Kubernetes user names.
func newMapping(namespace string, setting *v1alpha1.KubernetesUsername) *v1alpha1.CloudSSODirectory {
	return &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{KubernetesUsername: setting},
	}
}

// expectMappingRefused checks that the policy refused a change of the setting.
func expectMappingRefused(err error, namespace, verb string) {
	GinkgoHelper()
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	Expect(err).To(MatchError(And(
		ContainSubstring("cloudsso-usernames"),
		ContainSubstring(`CloudSSODirectory "default" cannot be `+verb),
		ContainSubstring("kubectl auth can-i map-usernames cloudssodirectories.cloudsso.dev/default -n "+namespace+"."),
		ContainSubstring("ClusterRole cloudsso-username-mapper"),
	)))
}

var _ = Describe("the Kubernetes user names of a directory", func() {
	var (
		namespace string
		admin     client.Client
		oidc      = &v1alpha1.KubernetesUsername{Attribute: v1alpha1.UsernameFromEmail, Prefix: "oidc:"}
	)
	BeforeEach(func(ctx SpecContext) {
		namespace = newDirectory(ctx, "")
		admin = newPerson(ctx, namespace, "admin")
	})

	It("are set by an admin who may map user names, and by no other admin", func(ctx SpecContext) {
		for _, setting := range []*v1alpha1.KubernetesUsername{
			oidc, {Prefix: "oidc:"}, {Attribute: v1alpha1.UsernameFromEmail}, {Attribute: v1alpha1.UsernameFromExternalID}, {Lowercase: true},
		} {
			expectMappingRefused(admin.Create(ctx, newMapping(namespace, setting)), namespace, "created")
		}
		mapUsernames(ctx, admin, namespace)
		Expect(admin.Create(ctx, newMapping(namespace, oidc))).To(Succeed())
	})

	It("are changed and removed by an admin who may map user names, and by no other admin", func(ctx SpecContext) {
		d := newMapping(namespace, oidc)
		Expect(person.Create(ctx, d)).To(Succeed())
		edits := map[string]func(*v1alpha1.CloudSSODirectory){
			"the setting": func(d *v1alpha1.CloudSSODirectory) { d.Spec.KubernetesUsername = nil },
			"the prefix":  func(d *v1alpha1.CloudSSODirectory) { d.Spec.KubernetesUsername.Prefix = "" },
			"the attribute": func(d *v1alpha1.CloudSSODirectory) {
				d.Spec.KubernetesUsername.Attribute = v1alpha1.UsernameFromUserName
			},
			"the case": func(d *v1alpha1.CloudSSODirectory) { d.Spec.KubernetesUsername.Lowercase = true },
		}
		for _, edit := range edits {
			expectMappingRefused(patched(ctx, admin, d.DeepCopy(), edit), namespace, "changed")
		}
		mapUsernames(ctx, admin, namespace)
		for what, edit := range edits {
			Expect(patched(ctx, admin, d.DeepCopy(), edit)).To(Succeed(), what)
			Expect(person.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
			Expect(patched(ctx, admin, d, func(d *v1alpha1.CloudSSODirectory) { d.Spec.KubernetesUsername = oidc.DeepCopy() })).To(Succeed(), what)
		}
	})

	It("hinder no admin who leaves them as they are", func(ctx SpecContext) {
		d := newMapping(namespace, nil)
		Expect(admin.Create(ctx, d)).To(Succeed())
		By("writing out the default")
		for _, setting := range []*v1alpha1.KubernetesUsername{{}, {Attribute: v1alpha1.UsernameFromUserName}, nil} {
			Expect(patched(ctx, admin, d, func(d *v1alpha1.CloudSSODirectory) { d.Spec.KubernetesUsername = setting })).To(Succeed())
		}
		By("changing other settings")
		Expect(patched(ctx, person, d, func(d *v1alpha1.CloudSSODirectory) { d.Spec.KubernetesUsername = oidc.DeepCopy() })).To(Succeed())
		Expect(patched(ctx, admin, d, func(d *v1alpha1.CloudSSODirectory) {
			d.Labels, d.Spec.ExistingUsers = map[string]string{"team": "a"}, v1alpha1.ExistingUsersAdopt
		})).To(Succeed())
	})

	It("are not reset by deletion of the directory", func(ctx SpecContext) {
		d := newMapping(namespace, oidc)
		Expect(person.Create(ctx, d)).To(Succeed())
		expectMappingRefused(admin.Delete(ctx, d), namespace, "deleted")
		expectMappingRefused(admin.DeleteAllOf(ctx, &v1alpha1.CloudSSODirectory{}, client.InNamespace(namespace)), namespace, "deleted")
		mapUsernames(ctx, admin, namespace)
		Expect(admin.Delete(ctx, d)).To(Succeed())
		By("deleting one that has the default")
		Expect(admin.Create(ctx, newMapping(namespace, nil))).To(Succeed())
		Expect(newPerson(ctx, newDirectory(ctx, ""), "admin").Delete(ctx, newMapping(namespace, nil))).NotTo(Succeed())
		Expect(admin.Delete(ctx, newMapping(namespace, nil))).To(Succeed())
	})

	It("do not keep a namespace from being deleted", func(ctx SpecContext) {
		Expect(person.Create(ctx, newMapping(namespace, oidc))).To(Succeed())
		Expect(person.Delete(ctx, namespaceNamed(namespace))).To(Succeed())
		Eventually(isGone(ctx, namespaceNamed(namespace))).Should(BeTrue())
	})
})

// mapUsernames gives the admin of a namespace the ClusterRole cloudsso-username-mapper there.
func mapUsernames(ctx context.Context, admin client.Client, namespace string) {
	GinkgoHelper()
	bind(ctx, namespace, "cloudsso-username-mapper", rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "admin-of-" + namespace})
	Eventually(allows).WithArguments(ctx, admin, right{"map-usernames", ours, "cloudssodirectories", namespace}).Should(BeTrue())
}
