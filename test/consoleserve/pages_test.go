package consoleserve_test

import (
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("The log", func() {
	// elsewhere is where the operator of these specs runs.
	const elsewhere = "cloudsso-elsewhere"

	BeforeEach(func(ctx SpecContext) {
		Expect(client.IgnoreAlreadyExists(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: elsewhere}}))).To(Succeed())
	})

	It("is that of the operator of --operator-namespace", func(ctx SpecContext) {
		page := signIn(ctx, start("--operator-namespace="+elsewhere), admin, nil).get(ctx, overview+"log")
		Expect(page.body).To(ContainSubstring("You may not read the log of the operator in namespace " + elsewhere))
	})

	It("keeps no replica from ending that has a page of it open", func(ctx SpecContext) {
		bind(ctx, viewer, elsewhere, "view")
		Expect(cluster.Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: elsewhere, Name: "cloudsso-operator", Labels: map[string]string{"app.kubernetes.io/name": "cloudsso-operator"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: "manager"}}},
		})).To(Succeed())
		r := start("--operator-namespace=" + elsewhere)
		b := signIn(ctx, r, viewer, nil)
		question, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+overview+"log/stream", nil)
		Expect(err).NotTo(HaveOccurred())
		stream, err := b.client.Do(question)
		Expect(err).NotTo(HaveOccurred())
		defer stream.Body.Close()
		Expect(stream.Header.Get("Content-Type")).To(Equal("text/event-stream"))
		r.stop()
	})
})

var _ = Describe("The settings", func() {
	It("enable a directory that was applied without a spec", func(ctx SpecContext) {
		const bare = "bare"
		Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: bare}})).To(Succeed())
		bind(ctx, admin, bare, "admin")
		applied := &unstructured.Unstructured{} // Go's type has a spec always
		applied.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CloudSSODirectory"))
		applied.SetNamespace(bare)
		applied.SetName(v1alpha1.DirectoryName)
		Expect(cluster.Create(ctx, applied)).To(Succeed())
		Expect(applied.Object).NotTo(HaveKey("spec"))

		b := signIn(ctx, plain, admin, nil)
		const switchOf = "/directories/" + bare + "/switch"
		for _, path := range []string{"", "settings", "settings/edit", "switch?to=Disabled"} {
			page := b.get(ctx, "/directories/"+bare+"/"+path)
			Expect(page.StatusCode).To(Equal(http.StatusOK), page.body)
		}
		page := b.get(ctx, switchOf+"?to=Enabled")
		turned := b.send(ctx, http.MethodPost, switchOf, url.Values{
			"csrf": {page.csrf()}, "generation": {"1"}, "uid": {string(applied.GetUID())}, "to": {"Enabled"},
		})
		Expect(turned.Request.URL.Path).To(Equal("/directories/"+bare+"/settings"), turned.body)
		d := &v1alpha1.CloudSSODirectory{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: bare, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
		Expect(d.Spec.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationEnabled))
	})
})
