package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	protocol "github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// quiet is how long nothing may be written, because counts are written a second after what they count.
const quiet = 2 * time.Second

// settledUsers are more users than an operator that starts reconciles twice, so that all its reconciles are fewer than the users
// even if no other spec has left any.
const settledUsers = 10

// sweeper is the controller that sweeps the claims of a directory.
const sweeper = "cloudssonameclaim"

// reconcilers are the controllers by name, each with a list of what it reconciles.
var reconcilers = map[string]client.ObjectList{
	"cloudssouser": &v1alpha1.CloudSSOUserList{}, "cloudssogroup": &v1alpha1.CloudSSOGroupList{},
	"cloudssomembershipslice": &v1alpha1.CloudSSOMembershipSliceList{},
	"cloudssodirectory":       &v1alpha1.CloudSSODirectoryList{}, "scimcredential": &v1alpha1.SCIMCredentialList{},
	sweeper: &v1alpha1.CloudSSODirectoryList{},
}

var _ = Describe("a settled directory", Serial, func() {
	It("is not written when each of its objects is reconciled again, nor by an operator that starts", func(ctx SpecContext) {
		for i := range settledUsers {
			createUser(ctx, fmt.Sprintf("settled-%d", i), fmt.Sprintf("settled-%d", i), scim)
		}
		all := populate(ctx)
		settled := settle()
		By("changing what the operator does not write")
		before := reconciled()
		for _, o := range all {
			Expect(admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"reconcile":"again"}}}`)))).To(Succeed())
		}
		for name := range reconcilers {
			if name == sweeper { // a change that it reconciles is shown in the directory's status
				continue
			}
			Eventually(func() float64 { return reconciled()[name] }).Should(BeNumerically(">", before[name]), name)
		}
		Consistently(func() []string { return written.AllIn(namespace)[settled:] }).WithTimeout(quiet).Should(BeEmpty())

		By("starting again")
		stopManager()
		before = reconciled()
		startManager()
		for name, list := range reconcilers {
			Expect(admin.List(ctx, list)).To(Succeed())
			least := meta.LenList(list)
			if users, ok := list.(*v1alpha1.CloudSSOUserList); ok {
				least = unsettled(users)
			}
			Eventually(func() float64 { return reconciled()[name] - before[name] }).Should(BeNumerically(">=", least), name)
		}
		Consistently(func() []string { return written.AllIn(namespace)[settled:] }).WithTimeout(quiet).Should(BeEmpty())
		Expect(reconciled()["cloudssouser"]-before["cloudssouser"]).To(BeNumerically("<", meta.LenList(reconcilers["cloudssouser"])),
			"an operator that starts reconciles settled users")
	})

	It("shows the holder of a name over SCIM from the start, and not the other object of that name", func(ctx SpecContext) {
		holders := map[*schema.ResourceType]client.Object{schema.User: postUser(ctx, "bob"), schema.Group: postGroup(ctx, "Staff")}
		u, g := createUser(ctx, "second", "bob", scim), createGroup(ctx, "second", "Staff", scim)
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserConflict))
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonDisplayNameConflict))

		stopManager()
		startManager()
		for kind, holder := range holders {
			page, err := resources.In(namespace).List(ctx, kind, protocol.Query{StartIndex: 1, Count: 10})
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Resources).To(HaveExactElements(HaveField("ID", holder.GetName())))
			_, err = resources.In(namespace).Get(ctx, kind, "second", protocol.Omit{})
			Expect(err).To(HaveField("Status", http.StatusNotFound))
		}
	})

	It("is brought up to date by an operator that starts, with all that happened while none ran", func(ctx SpecContext) {
		leaver, returner := postUser(ctx, "leaver"), newUser("returner", "returner", scim)
		returner.Spec.Active = new(false)
		Expect(admin.Create(ctx, returner)).To(Succeed())
		deleted, first := createUser(ctx, "deleted", "deleted", manual), postUser(ctx, "twin")
		second := createUser(ctx, "second", "TWIN", scim)
		Eventually(stateOf(ctx, second)).Should(Equal(v1alpha1.UserConflict))
		Eventually(stateOf(ctx, returner)).Should(Equal(v1alpha1.UserDisabled))
		Eventually(holdsName(ctx, deleted)).Should(BeTrue())
		settle()

		stopManager()
		modify(ctx, leaver, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) })
		modify(ctx, returner, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(true) })
		Expect(admin.Delete(ctx, deleted)).To(Succeed())
		newcomer := createUser(ctx, "newcomer", "newcomer", manual)
		accept := func() { // as a former leader may, whose cache is old
			reread(ctx, second)
			before := second.DeepCopy()
			second.Status = v1alpha1.CloudSSOUserStatus{State: v1alpha1.UserActive}
			Expect(admin.Status().Patch(ctx, second, client.MergeFrom(before))).To(Succeed())
		}
		accept()
		startManager()

		Eventually(stateOf(ctx, leaver)).Should(Equal(v1alpha1.UserDisabled))
		Eventually(stateOf(ctx, returner)).Should(Equal(v1alpha1.UserActive))
		Eventually(holdsName(ctx, newcomer)).Should(BeTrue())
		Eventually(isGone(ctx, deleted)).Should(BeTrue())
		Eventually(stateOf(ctx, second)).Should(Equal(v1alpha1.UserConflict))
		Expect(holdsName(ctx, first)()).To(BeTrue())

		By("accepting the user in conflict once more, while the operator runs")
		accept()
		Eventually(stateOf(ctx, second)).Should(Equal(v1alpha1.UserConflict))
	})
})

// unsettled returns how many users of a list an operator that starts has to reconcile, at the least.
func unsettled(users *v1alpha1.CloudSSOUserList) (n int) {
	for _, u := range users.Items {
		if u.DeletionTimestamp != nil || u.Status.State == v1alpha1.UserConflict || u.Status.State == v1alpha1.UserDeprovisioned {
			n++
		}
	}
	return n
}

// populate creates one object of every sort, and waits until each has its status.
func populate(ctx context.Context) []client.Object {
	GinkgoHelper()
	plain, disabled, deprovisioned := newUser("plain", "plain", scim), newUser("disabled", "disabled", scim), newUser("deprovisioned", "deprovisioned", scim)
	disabled.Spec.Active, deprovisioned.Spec.DeprovisionedAt = new(false), new(metav1.Now())
	local, held := newUser("local", "local", manual), newUser("held", "held", scim)
	users := []*v1alpha1.CloudSSOUser{plain, disabled, deprovisioned, local, held}
	for i, state := range []v1alpha1.UserState{v1alpha1.UserActive, v1alpha1.UserDisabled, v1alpha1.UserDeprovisioned, v1alpha1.UserActive, v1alpha1.UserActive} {
		Expect(admin.Create(ctx, users[i])).To(Succeed())
		Eventually(stateOf(ctx, users[i])).Should(Equal(state))
	}
	rival := createUser(ctx, "rival", "PLAIN", scim)
	Eventually(stateOf(ctx, rival)).Should(Equal(v1alpha1.UserConflict))
	crew := newGroup("crew", "Crew", scim, "plain", "disabled")
	crew.Spec.Sliced = true
	Expect(admin.Create(ctx, crew)).To(Succeed())
	groups := []*v1alpha1.CloudSSOGroup{
		crew,
		createGroup(ctx, "early", "Early", manual, "plain", "unknown"),
		createGroup(ctx, "kept", "Kept", scim),
	}
	overflow := createSlice(ctx, "crew-1", "crew", scim, "deprovisioned", "local")
	for i, reason := range []string{v1alpha1.ReasonReady, v1alpha1.ReasonUnknownMembers, v1alpha1.ReasonReady} {
		Eventually(readiness(ctx, groups[i])).Should(Equal(reason))
	}
	Eventually(func() []v1alpha1.Member { reread(ctx, overflow); return overflow.Spec.Members }).Should(ConsistOf(v1alpha1.Member{Name: "local"}))
	Eventually(memberCount(ctx, crew)).Should(HaveValue(Equal(int32(3))))
	late := createGroup(ctx, "late", "crew", manual)
	Eventually(readiness(ctx, late)).Should(Equal(v1alpha1.ReasonDisplayNameConflict))
	for o, conditions := range map[client.Object]*[]metav1.Condition{held: &held.Status.Conditions, groups[2]: &groups[2].Status.Conditions} {
		Eventually(func() []string { reread(ctx, o); return o.GetFinalizers() }).Should(ContainElement(v1alpha1.FinalizerGuard))
		Expect(admin.Delete(ctx, o)).To(Succeed())
		Eventually(func() bool {
			reread(ctx, o)
			return meta.IsStatusConditionTrue(*conditions, v1alpha1.ConditionDeletionHeld)
		}).Should(BeTrue())
	}
	credential := &v1alpha1.SCIMCredential{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"},
		Spec:       v1alpha1.SCIMCredentialSpec{Description: "a provider's"},
	}
	Expect(admin.Create(ctx, credential)).To(Succeed())
	Eventually(func() bool {
		reread(ctx, credential)
		return meta.IsStatusConditionTrue(credential.Status.Conditions, v1alpha1.ConditionReady)
	}).Should(BeTrue())
	secret := &corev1.Secret{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: credential.Status.SecretName}, secret)).To(Succeed())
	changeDirectory(ctx) // has the names claimed that no controller needed to claim
	all := []client.Object{rival, overflow, late, credential, secret, directoryOf(ctx)}
	for _, u := range users {
		all = append(all, u)
	}
	for _, g := range groups {
		all = append(all, g)
	}
	return all
}

// settle waits until nothing more is written, and returns how many writes there were until then.
func settle() int {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		n := len(written.AllIn(namespace))
		g.Consistently(func() int { return len(written.AllIn(namespace)) }).WithTimeout(quiet).Should(Equal(n))
	}).Should(Succeed())
	return len(written.AllIn(namespace))
}

// reconciled returns how many reconciles each controller has ended.
func reconciled() map[string]float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	sums := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" {
					sums[label.GetValue()] += metric.GetCounter().GetValue()
				}
			}
		}
	}
	Expect(sums).NotTo(BeEmpty(), fmt.Sprint("no metrics among ", len(families)))
	return sums
}
