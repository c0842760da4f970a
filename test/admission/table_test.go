package admission_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	enabled  = v1alpha1.SynchronizationEnabled
	disabled = v1alpha1.SynchronizationDisabled
)

// act is a request on a synchronized user and group of a namespace.
type act struct {
	name                  string
	do                    func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, g *v1alpha1.CloudSSOGroup) error
	refused               bool // to cluster-admin while synchronization is Enabled
	beyondOperatorsRights bool // RBAC refuses it to the operator, Enabled or Disabled
}

func patched[T client.Object](ctx context.Context, c client.Client, o T, change func(T)) error {
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", o)
	}
	change(o)
	return c.Patch(ctx, o, client.MergeFrom(before))
}

// withhold gives a user a withheld deactivation.
func withhold(u *v1alpha1.CloudSSOUser) {
	u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, Since: metav1.Now(), Credential: "okta", RequestID: "r1"}
}

// changeWithheld returns what changes a user whose deactivation the operator has withheld.
func changeWithheld(change func(*v1alpha1.CloudSSOUser)) func(context.Context, client.Client, *v1alpha1.CloudSSOUser, *v1alpha1.CloudSSOGroup) error {
	return func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		Expect(patched(ctx, operator, u, withhold)).To(Succeed())
		return patched(ctx, c, u, change)
	}
}

var acts = []act{
	{name: "create a user", refused: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return c.Create(ctx, newUser(u.Namespace, "another", v1alpha1.SourceSCIM))
	}},
	{name: "create a group", refused: true, do: func(ctx context.Context, c client.Client, _ *v1alpha1.CloudSSOUser, g *v1alpha1.CloudSSOGroup) error {
		return c.Create(ctx, newGroup(g.Namespace, "another", v1alpha1.SourceSCIM))
	}},
	{name: "change a user's spec", refused: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return patched(ctx, c, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Changed" })
	}},
	{name: "activate a user", refused: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return patched(ctx, c, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(true); u.Spec.Suspended = true })
	}},
	{name: "change a group's members", refused: true, do: func(ctx context.Context, c client.Client, _ *v1alpha1.CloudSSOUser, g *v1alpha1.CloudSSOGroup) error {
		return patched(ctx, c, g, func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = []v1alpha1.Member{{Name: "alice"}} })
	}},
	{name: "suspend a user", do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return patched(ctx, c, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
	}},
	{name: "decide about a withheld deactivation", do: changeWithheld(func(u *v1alpha1.CloudSSOUser) {
		u.Spec.Withheld.Decision = v1alpha1.DecisionDiscard
	})},
	{name: "withhold a deactivation", refused: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return patched(ctx, c, u, withhold)
	}},
	{name: "remove a withheld deactivation", refused: true, do: changeWithheld(func(u *v1alpha1.CloudSSOUser) { u.Spec.Withheld = nil })},
	{name: "change what is withheld", refused: true, do: changeWithheld(func(u *v1alpha1.CloudSSOUser) {
		u.Spec.Withheld.What, u.Spec.Withheld.Decision = v1alpha1.DeactivationDelete, v1alpha1.DecisionApply
	})},
	{name: "remove the request of a withheld deactivation", refused: true, do: changeWithheld(func(u *v1alpha1.CloudSSOUser) {
		u.Spec.Withheld.RequestID = ""
	})},
	{name: "change a user's spec with a decision", refused: true, do: changeWithheld(func(u *v1alpha1.CloudSSOUser) {
		u.Spec.Withheld.Decision, u.Spec.DisplayName = v1alpha1.DecisionApply, "Changed"
	})},
	{name: "label and annotate", do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return patched(ctx, c, u, func(u *v1alpha1.CloudSSOUser) {
			u.Labels, u.Annotations = map[string]string{"team": "a"}, map[string]string{"note": "b"}
		})
	}},
	{name: "write a status", do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		before := u.DeepCopy()
		u.Status.State = v1alpha1.UserActive
		return c.Status().Patch(ctx, u, client.MergeFrom(before))
	}},
	{name: "delete a user", refused: true, beyondOperatorsRights: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return c.Delete(ctx, u)
	}},
	{name: "delete a group", refused: true, do: func(ctx context.Context, c client.Client, _ *v1alpha1.CloudSSOUser, g *v1alpha1.CloudSSOGroup) error {
		return c.Delete(ctx, g)
	}},
	{name: "delete all users", refused: true, beyondOperatorsRights: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return c.DeleteAllOf(ctx, &v1alpha1.CloudSSOUser{}, client.InNamespace(u.Namespace))
	}},
	{name: "delete all groups", refused: true, beyondOperatorsRights: true, do: func(ctx context.Context, c client.Client, _ *v1alpha1.CloudSSOUser, g *v1alpha1.CloudSSOGroup) error {
		return c.DeleteAllOf(ctx, &v1alpha1.CloudSSOGroup{}, client.InNamespace(g.Namespace))
	}},
	{name: "delete the directory", refused: true, beyondOperatorsRights: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return c.Delete(ctx, &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: v1alpha1.DirectoryName}})
	}},
	{name: "delete the namespace", refused: true, beyondOperatorsRights: true, do: func(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, _ *v1alpha1.CloudSSOGroup) error {
		return c.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: u.Namespace}})
	}},
}

var _ = Describe("synchronized users and groups", func() {
	for _, a := range acts {
		for _, position := range []v1alpha1.Synchronization{enabled, disabled} {
			refused := a.refused && position == enabled
			It(fmt.Sprintf("%s, by cluster-admin, while %s: refused %t", a.name, position, refused), func(ctx SpecContext) {
				u, g := synchronized(ctx, position)
				err := a.do(ctx, person, u, g)
				if !refused {
					Expect(err).NotTo(HaveOccurred())
					return
				}
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				Expect(err).To(MatchError(ContainSubstring(`kubectl -n ` + u.Namespace + ` patch cloudssodirectory default`)))
				Expect(person.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
				Expect(u.DeletionTimestamp).To(BeNil())
				Expect(person.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
				Expect(g.DeletionTimestamp).To(BeNil())
			})
			It(fmt.Sprintf("%s, by the operator, while %s: refused %t", a.name, position, a.beyondOperatorsRights), func(ctx SpecContext) {
				u, g := synchronized(ctx, position)
				err := a.do(ctx, operator, u, g)
				if a.beyondOperatorsRights {
					Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
					return
				}
				Expect(err).NotTo(HaveOccurred())
			})
		}
	}

	It("get spec.source SCIM from the operator alone, and never Manual again", func(ctx SpecContext) {
		for _, position := range []v1alpha1.Synchronization{enabled, disabled} {
			namespace := newDirectory(ctx, position)
			u := newUser(namespace, "manual", v1alpha1.SourceManual)
			Expect(person.Create(ctx, u)).To(Succeed())
			adopt := func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = v1alpha1.SourceSCIM }
			Expect(apierrors.IsForbidden(patched(ctx, person, u.DeepCopy(), adopt))).To(BeTrue())
			Expect(patched(ctx, operator, u, adopt)).To(Succeed())
			for _, c := range []client.Client{person, operator} {
				back := func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = v1alpha1.SourceManual }
				Expect(patched(ctx, c, u.DeepCopy(), back)).NotTo(Succeed())
			}
		}
	})

	It("follow the switch at once", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		for range 10 {
			turn(ctx, u.Namespace, disabled)
			Expect(person.Delete(ctx, u.DeepCopy(), client.DryRunAll)).To(Succeed())
			turn(ctx, u.Namespace, enabled)
			Expect(apierrors.IsForbidden(person.Delete(ctx, u.DeepCopy(), client.DryRunAll))).To(BeTrue())
		}
	})

	It("are not collected as garbage while the switch is Enabled, and are afterwards", func(ctx SpecContext) {
		u, _ := synchronized(ctx, disabled)
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: "owner"}}
		Expect(person.Create(ctx, owner)).To(Succeed())
		Expect(patched(ctx, person, u, func(u *v1alpha1.CloudSSOUser) {
			u.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
		})).To(Succeed())
		witness := newUser(u.Namespace, "witness", v1alpha1.SourceManual)
		witness.OwnerReferences = u.OwnerReferences
		Expect(person.Create(ctx, witness)).To(Succeed())
		turn(ctx, u.Namespace, enabled)
		Expect(person.Delete(ctx, owner)).To(Succeed())
		Eventually(isGone(ctx, witness)).Should(BeTrue(), "the garbage collector has run")
		Expect(isGone(ctx, u)()).To(BeFalse())
		turn(ctx, u.Namespace, disabled)
		Eventually(isGone(ctx, u)).Should(BeTrue())
	})
})

var _ = Describe("manual users and groups", func() {
	for _, position := range []v1alpha1.Synchronization{enabled, disabled, ""} {
		It(fmt.Sprintf("are written by any user with the right, while the switch is %q", position), func(ctx SpecContext) {
			namespace := newDirectory(ctx, position)
			u, g := newUser(namespace, "manual", v1alpha1.SourceManual), newGroup(namespace, "manual", v1alpha1.SourceManual)
			Expect(person.Create(ctx, u)).To(Succeed())
			Expect(person.Create(ctx, g)).To(Succeed())
			Expect(patched(ctx, person, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Changed" })).To(Succeed())
			Expect(person.Delete(ctx, u)).To(Succeed())
			Expect(person.Delete(ctx, g)).To(Succeed())
		})
	}
})

var _ = Describe("a namespace", func() {
	It("that was synchronized can be deleted once the switch is Disabled", func(ctx SpecContext) {
		u, _ := synchronized(ctx, enabled)
		turn(ctx, u.Namespace, disabled)
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: u.Namespace}}
		Expect(person.Delete(ctx, ns)).To(Succeed())
		Eventually(isGone(ctx, ns)).Should(BeTrue())
	})
})

func synchronized(ctx context.Context, position v1alpha1.Synchronization) (*v1alpha1.CloudSSOUser, *v1alpha1.CloudSSOGroup) {
	GinkgoHelper()
	namespace := newDirectory(ctx, position)
	u, g := newUser(namespace, "alice", v1alpha1.SourceSCIM), newGroup(namespace, "admins", v1alpha1.SourceSCIM)
	u.Spec.Active = new(false)
	Expect(operator.Create(ctx, u)).To(Succeed())
	Expect(operator.Create(ctx, g)).To(Succeed())
	return u, g
}

func isGone(ctx context.Context, o client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(person.Get(ctx, client.ObjectKeyFromObject(o), o))
	}
}
