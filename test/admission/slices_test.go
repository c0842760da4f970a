package admission_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func newSlice(namespace, name string, source v1alpha1.Source) *v1alpha1.CloudSSOMembershipSlice {
	return &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: source, Group: "staff"},
	}
}

var _ = Describe("the slices of synchronized groups", func() {
	for name, do := range map[string]func(context.Context, client.Client, *v1alpha1.CloudSSOMembershipSlice) error{
		"create": func(ctx context.Context, c client.Client, s *v1alpha1.CloudSSOMembershipSlice) error {
			return c.Create(ctx, newSlice(s.Namespace, "another", v1alpha1.SourceSCIM))
		},
		"change": func(ctx context.Context, c client.Client, s *v1alpha1.CloudSSOMembershipSlice) error {
			return patched(ctx, c, s, func(s *v1alpha1.CloudSSOMembershipSlice) { s.Spec.Members = []v1alpha1.Member{{Name: "alice"}} })
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
				s := newSlice(newDirectory(ctx, position), "staff-1", v1alpha1.SourceSCIM)
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
				s := newSlice(newDirectory(ctx, position), "staff-1", v1alpha1.SourceSCIM)
				Expect(operator.Create(ctx, s)).To(Succeed())
				if err := do(ctx, operator, s); name == "delete all" {
					Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				} else {
					Expect(err).NotTo(HaveOccurred())
				}
			})
		}
	}

	It("of manual groups are written by any user with the right", func(ctx SpecContext) {
		s := newSlice(newDirectory(ctx, enabled), "mine", v1alpha1.SourceManual)
		Expect(person.Create(ctx, s)).To(Succeed())
		Expect(patched(ctx, person, s, func(s *v1alpha1.CloudSSOMembershipSlice) { s.Spec.Members = []v1alpha1.Member{{Name: "alice"}} })).To(Succeed())
		Expect(person.Delete(ctx, s)).To(Succeed())
	})
})
