package shards_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/common/model"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

var _ = Describe("two shards", Ordered, func() {
	It("serve their own directories alone: a credential of another is none", func(ctx SpecContext) {
		for m, own := range map[*quickstart.Manager][]string{north: {acme}, south[0]: {globex, initech}, south[1]: {globex, initech}} {
			for namespace := range tokens {
				want := http.StatusUnauthorized
				if slices.Contains(own, namespace) {
					want = http.StatusOK
				}
				Eventually(func() int { return status(clientOf(m, namespace).Do(ctx, http.MethodGet, "/Users", "")) }).
					Should(Equal(want), "%s at %s", namespace, m.URL)
			}
		}
	})

	It("write to their own, as the policies let only them", func(ctx SpecContext) {
		for namespace, m := range serving() {
			scim := clientOf(m, namespace)
			answer, err := scim.Do(ctx, http.MethodPost, "/Users", load.User("alice"))
			Expect(err).NotTo(HaveOccurred())
			Eventually(stateOf(ctx, namespace, answer.ID())).Should(Equal(v1alpha1.UserActive))
			Expect(status(scim.Do(ctx, http.MethodPost, "/Users", load.User("alice")))).To(Equal(http.StatusConflict))
			group, err := scim.Do(ctx, http.MethodPost, "/Groups", load.Group("Staff"))
			Expect(err).NotTo(HaveOccurred())
			Expect(status(scim.Do(ctx, http.MethodPatch, "/Groups/"+group.ID(), load.AddMembers([]string{answer.ID()})))).To(Equal(http.StatusOK))
			Expect(status(scim.Do(ctx, http.MethodDelete, "/Groups/"+group.ID(), ""))).To(Equal(http.StatusNoContent))
			Expect(status(scim.Do(ctx, http.MethodDelete, "/Users/"+answer.ID(), ""))).To(Equal(http.StatusNoContent))
			Eventually(stateOf(ctx, namespace, answer.ID())).Should(Equal(v1alpha1.UserDeprovisioned))
		}
	})

	It("grant access and take it away, if they have it, in their own directories alone", func(ctx SpecContext) {
		users, assignments := map[string]string{}, map[string]*v1alpha1.CloudSSOAccessAssignment{}
		for namespace, m := range serving() {
			scim := clientOf(m, namespace)
			user, err := scim.Do(ctx, http.MethodPost, "/Users", load.User("operator"))
			Expect(err).NotTo(HaveOccurred())
			users[namespace] = user.ID()
			_, err = scim.Do(ctx, http.MethodPost, "/Groups", load.Group("Operators", user.ID()))
			Expect(err).NotTo(HaveOccurred())
			assignments[namespace] = &v1alpha1.CloudSSOAccessAssignment{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "operators-view"},
				Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
					Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "Operators"},
					RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
					Target:    v1alpha1.AccessTarget{Namespaces: []string{quickstart.TargetNamespace}},
				},
			}
			Expect(environment.Admin.Create(ctx, assignments[namespace])).To(Succeed())
		}
		Eventually(readinessOf(ctx, assignments[acme])).Should(Equal(v1alpha1.ReasonReady))
		Eventually(subjectsIn(ctx, quickstart.TargetNamespace)).Should(Equal([]string{"oidc:user-operator@example.com"}))
		for _, namespace := range []string{globex, initech} {
			Eventually(readinessOf(ctx, assignments[namespace])).Should(Equal(v1alpha1.ReasonAccessNotInstalled))
		}
		Expect(status(clientOf(north, acme).Do(ctx, http.MethodPatch, "/Users/"+users[acme], load.SetActive(false)))).To(Equal(http.StatusOK))
		Eventually(subjectsIn(ctx, quickstart.TargetNamespace)).Should(BeEmpty())
	})

	It("answer for names and ids of their own directories by live reads", func(ctx SpecContext) {
		for namespace, m := range serving() {
			scim := clientOf(m, namespace)
			Expect(status(scim.Do(ctx, http.MethodGet, "/Users/absent", ""))).To(Equal(http.StatusNotFound))
			Expect(status(scim.Do(ctx, http.MethodGet, "/Groups/absent", ""))).To(Equal(http.StatusNotFound))
			answer, err := scim.Do(ctx, http.MethodGet, load.Find("userName", "absent@example.com"), "")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(answer.Body)).To(ContainSubstring(`"totalResults":0`))
		}
	})

	It("elect a leader each", func(ctx SpecContext) {
		for namespace, name := range map[string]string{controlplane.SystemNamespace: "cloudsso-operator-north", southNamespace: "cloudsso-operator-south"} {
			lease := &coordinationv1.Lease{}
			Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, lease)).To(Succeed())
			Expect(lease.Spec.HolderIdentity).To(HaveValue(Not(BeEmpty())))
		}
	})

	It("leave a namespace of no shard alone", func(ctx SpecContext) {
		const umbrella = "umbrella"
		Expect(environment.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: umbrella}})).To(Succeed())
		createDirectory(ctx, umbrella)
		elsewhere := newManual(ctx, umbrella, "elsewhere")
		for _, namespace := range []string{acme, globex, initech} {
			Eventually(claimedNameOf(ctx, namespace, newManual(ctx, namespace, "elsewhere"))).ShouldNot(BeEmpty())
		}
		Expect(claimedNameOf(ctx, umbrella, elsewhere)()).To(BeEmpty())
		claims := &v1alpha1.CloudSSONameClaimList{}
		Expect(environment.Admin.List(ctx, claims, client.InNamespace(umbrella))).To(Succeed())
		Expect(claims.Items).To(BeEmpty())
		directory := &v1alpha1.CloudSSODirectory{}
		Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: umbrella, Name: v1alpha1.DirectoryName}, directory)).To(Succeed())
		Expect(directory.Status).To(Equal(v1alpha1.CloudSSODirectoryStatus{ObservedGeneration: -1}), "the default of the CRD")
	})

	It("ask for nothing outside their namespaces", func() {
		log, err := os.ReadFile(environment.LogFile())
		Expect(err).NotTo(HaveOccurred())
		Expect(string(log)).NotTo(ContainSubstring("at the cluster scope"), "the API server refuses such a request to south")
	})

	It("reconcile none of each other's users", func(ctx SpecContext) {
		ofSouth := func() float64 { return reconciled(ctx, south[0]) + reconciled(ctx, south[1]) }
		of := ofSouth()
		Eventually(func() bool { last := of; of = ofSouth(); return of == last }).WithPolling(time.Second).Should(BeTrue(), "earlier changes are reconciled")
		before := reconciled(ctx, north)
		scim := clientOf(north, acme)
		for n := range 10 {
			answer, err := scim.Do(ctx, http.MethodPost, "/Users", load.User(fmt.Sprintf("x%d", n)))
			Expect(err).NotTo(HaveOccurred())
			Expect(status(scim.Do(ctx, http.MethodPatch, "/Users/"+answer.ID(), load.SetActive(false)))).To(Equal(http.StatusOK))
			Eventually(stateOf(ctx, acme, answer.ID())).Should(Equal(v1alpha1.UserDisabled))
		}
		Eventually(func() float64 { return reconciled(ctx, north) }).Should(BeNumerically(">=", before+10))
		Expect(ofSouth()).To(Equal(of))
	})

	It("give a name once to four creates at two replicas", func(ctx SpecContext) {
		clients := []*load.Client{clientOf(south[0], globex), clientOf(south[1], globex)}
		for n := range 20 {
			var mu sync.Mutex
			answers := map[int]int{}
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					defer GinkgoRecover()
					got := status(clients[i%2].Do(ctx, http.MethodPost, "/Users", load.User(fmt.Sprintf("many%d", n))))
					mu.Lock()
					defer mu.Unlock()
					answers[got]++
				})
			}
			all.Wait()
			Expect(answers).To(Equal(map[int]int{http.StatusCreated: 1, http.StatusConflict: 3}))
		}
	})

	It("show whether the admission policies are installed, or which right they lack", func(ctx SpecContext) {
		Eventually(policiesInstalled(ctx, acme)).Should(Equal("True Installed"))
		Eventually(policiesInstalled(ctx, globex)).Should(Equal("True Installed"))

		lock := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-lock"}}
		Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(lock), lock)).To(Succeed())
		deny := lock.DeepCopy()
		lock.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		Expect(environment.Admin.Update(ctx, lock)).To(Succeed())
		Eventually(policiesInstalled(ctx, acme)).WithTimeout(time.Minute).Should(Equal("False PolicyMissing"))
		Expect(messageOf(ctx, acme)).To(ContainSubstring("cloudsso-lock has no binding, or one that has been changed"))
		samples, err := scrape.Samples(ctx, http.DefaultClient, north.MetricsURL)
		Expect(err).NotTo(HaveOccurred())
		protects, found := scrape.Sum(samples, "cloudsso_admission_policy_installed", model.LabelSet{"policy": "cloudsso-lock"})
		Expect(found).To(BeTrue())
		Expect(protects).To(BeZero())
		lock.Spec = deny.Spec
		Expect(environment.Admin.Update(ctx, lock)).To(Succeed())
		Eventually(policiesInstalled(ctx, acme)).WithTimeout(time.Minute).Should(Equal("True Installed"))

		Expect(environment.Admin.Delete(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator-cluster-reader-south"}})).To(Succeed())
		Eventually(policiesInstalled(ctx, globex)).WithTimeout(time.Minute).Should(Equal("Unknown NotPermitted"))
		Expect(messageOf(ctx, globex)).To(ContainSubstring("lacks the right to list validatingadmissionpolicies"))
		Expect(policiesInstalled(ctx, acme)()).To(Equal("True Installed"))
	})

	It("serve metrics over HTTPS to accounts that may read them", func(ctx SpecContext) {
		operator, err := environment.ControlPlane.Operator(ctx)
		Expect(err).NotTo(HaveOccurred())
		// One account may read them before the operator starts, because a refusal is remembered for half a minute.
		tokenOf := func(name string) string {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: acme, Name: name}}
			Expect(environment.Admin.Create(ctx, account)).To(Succeed())
			identity, err := environment.ControlPlane.ServiceAccount(ctx, acme, name)
			Expect(err).NotTo(HaveOccurred())
			return identity.BearerToken
		}
		prometheus, other := tokenOf("prometheus"), tokenOf("other")
		Expect(environment.Admin.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "prometheus-cloudsso"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cloudsso-metrics-reader"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: acme, Name: "prometheus"}},
		})).To(Succeed())
		m, err := environment.AddOperator(ctx, operator, "--shard=third", "--namespaces="+acme, "--metrics-secure=true")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(m.Stop)
		url := strings.Replace(m.MetricsURL, "http:", "https:", 1)
		insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		read := func(token string) int {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			Expect(err).NotTo(HaveOccurred())
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := insecure.Do(request)
			if err != nil {
				return 0
			}
			Expect(answer.Body.Close()).To(Succeed())
			return answer.StatusCode
		}
		Eventually(read).WithArguments("").Should(Equal(http.StatusUnauthorized), "a replica may be ready before its metrics are")
		Expect(read("forged")).To(BeNumerically(">=", http.StatusBadRequest), "controller-runtime answers 500 here")
		Expect(read(other)).To(Equal(http.StatusForbidden))
		Eventually(read).WithArguments(prometheus).WithTimeout(time.Minute).Should(Equal(http.StatusOK))
	})

	It("work while the other is down, and come back", func(ctx SpecContext) {
		for _, m := range south {
			m.Kill()
		}
		waiting := newManual(ctx, globex, "waiting")
		answer, err := clientOf(north, acme).Do(ctx, http.MethodPost, "/Users", load.User("meanwhile"))
		Expect(err).NotTo(HaveOccurred())
		Expect(status(clientOf(north, acme).Do(ctx, http.MethodDelete, "/Users/"+answer.ID(), ""))).To(Equal(http.StatusNoContent))
		Eventually(stateOf(ctx, acme, answer.ID())).Should(Equal(v1alpha1.UserDeprovisioned))
		Expect(claimedNameOf(ctx, globex, waiting)()).To(BeEmpty(), "north has no right in globex")

		for i := range south {
			south[i], err = environment.Restart(ctx, south[i])
			Expect(err).NotTo(HaveOccurred())
		}
		Eventually(claimedNameOf(ctx, globex, waiting)).ShouldNot(BeEmpty())
		north.Kill()
		Eventually(claimedNameOf(ctx, initech, newManual(ctx, initech, "waiting"))).ShouldNot(BeEmpty())
		Expect(status(clientOf(south[0], initech).Do(ctx, http.MethodPost, "/Users", load.User("meanwhile")))).To(Equal(http.StatusCreated))
		north, err = environment.Restart(ctx, north)
		Expect(err).NotTo(HaveOccurred())
		Expect(status(clientOf(north, acme).Do(ctx, http.MethodGet, "/Users/"+answer.ID(), ""))).To(Equal(http.StatusNotFound))
		Expect(status(clientOf(north, acme).Do(ctx, http.MethodPost, "/Users", load.User("meanwhile")))).To(Equal(http.StatusCreated))
	})
})

// serving returns a replica for each namespace.
func serving() map[string]*quickstart.Manager {
	return map[string]*quickstart.Manager{acme: north, globex: south[0], initech: south[1]}
}

// readinessOf returns the reason of an assignment's condition Ready.
func readinessOf(ctx context.Context, a *v1alpha1.CloudSSOAccessAssignment) func() string {
	return func() string {
		Expect(environment.Admin.Get(ctx, client.ObjectKeyFromObject(a), a)).To(Succeed())
		if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady); c != nil {
			return c.Reason
		}
		return ""
	}
}

// subjectsIn returns the subjects of the bindings in a namespace.
func subjectsIn(ctx context.Context, namespace string) func() []string {
	return func() (subjects []string) {
		var bindings rbacv1.RoleBindingList
		Expect(environment.Admin.List(ctx, &bindings, client.InNamespace(namespace))).To(Succeed())
		for _, b := range bindings.Items {
			for _, s := range b.Subjects {
				subjects = append(subjects, s.Name)
			}
		}
		return subjects
	}
}

// newManual creates a Manual user, whose name a controller claims.
func newManual(ctx context.Context, namespace, name string) string {
	GinkgoHelper()
	Expect(environment.Admin.Create(ctx, &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: name + "@example.com"},
	})).To(Succeed())
	return name
}

// userStatus reads the status of a user.
func userStatus(ctx context.Context, namespace, name string) v1alpha1.CloudSSOUserStatus {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, u)).To(Succeed())
	return u.Status
}

func stateOf(ctx context.Context, namespace, name string) func() v1alpha1.UserState {
	return func() v1alpha1.UserState { return userStatus(ctx, namespace, name).State }
}

func claimedNameOf(ctx context.Context, namespace, name string) func() string {
	return func() string { return userStatus(ctx, namespace, name).ClaimedName }
}

// policyCondition reads the condition PoliciesInstalled of a directory.
func policyCondition(ctx context.Context, namespace string) metav1.Condition {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionPoliciesInstalled); c != nil {
		return *c
	}
	return metav1.Condition{}
}

func policiesInstalled(ctx context.Context, namespace string) func() string {
	return func() string {
		c := policyCondition(ctx, namespace)
		return string(c.Status) + " " + c.Reason
	}
}

func messageOf(ctx context.Context, namespace string) string {
	GinkgoHelper()
	return policyCondition(ctx, namespace).Message
}

// reconciled returns how many reconciles of users a process has done.
func reconciled(ctx context.Context, m *quickstart.Manager) float64 {
	GinkgoHelper()
	samples, err := scrape.Samples(ctx, http.DefaultClient, m.MetricsURL)
	Expect(err).NotTo(HaveOccurred())
	total, _ := scrape.Sum(samples, "controller_runtime_reconcile_total", model.LabelSet{"controller": "cloudssouser"})
	return total
}
