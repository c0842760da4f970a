package admission_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func newSlice(namespace, name string, source v1alpha1.Source) *v1alpha1.CloudSSOMembershipSlice {
	return &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: source, Group: "everybody"},
	}
}

var _ = Describe("the slices of synchronized groups", func() {
	for name, do := range map[string]func(context.Context, client.Client, *v1alpha1.CloudSSOMembershipSlice) error{
		"create": func(ctx context.Context, c client.Client, s *v1alpha1.CloudSSOMembershipSlice) error {
			return c.Create(ctx, newSlice(s.Namespace, "another", v1alpha1.SourceSCIM))
		},
		"change": func(ctx context.Context, c client.Client, s *v1alpha1.CloudSSOMembershipSlice) error {
			return patched(ctx, c, s, func(s *v1alpha1.CloudSSOMembershipSlice) { s.Spec.Members = []v1alpha1.Member{{Name: "somebody"}} })
		},
		"delete": func(ctx context.Context, c client.Client, s *v1alpha1.CloudSSOMembershipSlice) error {
			return c.Delete(ctx, s)
		},
		"delete all": func(ctx context.Context, c client.Client, s *v1alpha1.CloudSSOMembershipSlice) error {
			return c.DeleteAllOf(ctx, &v1alpha1.CloudSSOMembershipSlice{}, client.InNamespace(s.Namespace))
		},
	} {
		for _, position := range []v1alpha1.Synchronization{enabled, disabled} {
			It(fmt.Sprintf("%s, by cluster-admin, while %s", name, position), func(ctx SpecContext) {
				s := newSlice(newDirectory(ctx, position), "everybody-1", v1alpha1.SourceSCIM)
				Expect(operator.Create(ctx, s)).To(Succeed())
				err := do(ctx, person, s)
				if position == disabled {
					Expect(err).NotTo(HaveOccurred())
					return
				}
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				Expect(err).To(MatchError(ContainSubstring(`kubectl -n ` + s.Namespace + ` patch cloudssodirectory default`)))
			})
			It(fmt.Sprintf("%s, by the operator, while %s", name, position), func(ctx SpecContext) {
				s := newSlice(newDirectory(ctx, position), "everybody-1", v1alpha1.SourceSCIM)
				Expect(operator.Create(ctx, s)).To(Succeed())
				if err := do(ctx, operator, s); name == "delete all" {
					Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				} else {
					Expect(err).NotTo(HaveOccurred())
				}
			})
		}
	}

	It("are the operator's, and those of manual groups anybody's", func(ctx SpecContext) {
		s := newSlice(newDirectory(ctx, enabled), "mine", v1alpha1.SourceManual)
		Expect(person.Create(ctx, s)).To(Succeed())
		Expect(patched(ctx, person, s, func(s *v1alpha1.CloudSSOMembershipSlice) { s.Spec.Members = []v1alpha1.Member{{Name: "somebody"}} })).To(Succeed())
		Expect(person.Delete(ctx, s)).To(Succeed())
	})
})

// The lock leaves sentinels out by their name, so nothing that is synchronized may have it.
var _ = Describe("an object that is named as a sentinel is", func() {
	const name = v1alpha1.SentinelName
	for kind, of := range map[string]func(namespace string, source v1alpha1.Source) client.Object{
		"user": func(namespace string, source v1alpha1.Source) client.Object {
			return &v1alpha1.CloudSSOUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec:       v1alpha1.CloudSSOUserSpec{Source: source, UserName: "mallory"},
			}
		},
		"group": func(namespace string, source v1alpha1.Source) client.Object {
			return &v1alpha1.CloudSSOGroup{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Admins"},
			}
		},
		"slice": func(namespace string, source v1alpha1.Source) client.Object { return newSlice(namespace, name, source) },
	} {
		It("no synchronized "+kind+", whoever asks", func(ctx SpecContext) {
			namespace := newDirectory(ctx, enabled)
			for _, c := range []client.Client{person, operator} {
				Expect(c.Create(ctx, of(namespace, v1alpha1.SourceSCIM))).To(MatchError(ContainSubstring("cannot be named \"fence\"")))
			}
			o := of(namespace, v1alpha1.SourceManual)
			o.SetLabels(map[string]string{v1alpha1.LabelFence: "true"})
			Expect(person.Create(ctx, o)).To(Succeed())
			for _, c := range []client.Client{person, operator} {
				err := c.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"source":"SCIM"}}`)))
				Expect(apierrors.IsInvalid(err) || apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
			}
		})
	}
})
