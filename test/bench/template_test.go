package main

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

func TestTemplateGivesEachTagAClaimAndItsHolder(t *testing.T) {
	g := NewWithT(t)
	template := userTemplate{
		claim: v1alpha1.CloudSSONameClaim{Spec: v1alpha1.CloudSSONameClaimSpec{Kind: v1alpha1.ClaimedByUser}},
		user: v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{
			DisplayName: "Given" + templateTag, Name: &v1alpha1.Name{}, Emails: []v1alpha1.MultiValue{{}},
		}},
	}
	template.user.Name = "user-" + templateTag + "-example-com-x7k2p"
	claim, user := template.objects(rawNamespace, "x1")
	g.Expect(user.Name).To(Equal("user-x1-example-com-x7k2p"))
	g.Expect(user.Spec.DisplayName).To(Equal("Givenx1"))
	g.Expect(nameclaim.NameOf(user).Key()).To(Equal(nameclaim.UserName(rawNamespace, claim.Spec.Name).Key()))
	g.Expect(claim.Name).To(Equal(nameclaim.NameOf(user).Key().Name))
	g.Expect(claim.Spec.Holder).To(Equal(user.Name))
	g.Expect(claim.Spec.AcquiredAt.IsZero()).To(BeFalse())
}
