package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// templateTag names the user that the service creates for the template.
const templateTag = "template"

// userTemplate is what the service writes for a new user. Seeding and the baseline write the same.
type userTemplate struct {
	claim v1alpha1.CloudSSONameClaim
	user  v1alpha1.CloudSSOUser
}

// createTemplate makes the service create a user, and returns the objects that it wrote. It fails if they differ from
// those that the benchmark would write for that user.
func (s *stack) createTemplate(ctx context.Context) (t userTemplate, err error) {
	answer, err := s.scim.Do(ctx, http.MethodPost, "/Users", load.User(templateTag))
	if err != nil {
		return t, err
	}
	var claim v1alpha1.CloudSSONameClaim
	var u v1alpha1.CloudSSOUser
	if err := s.Admin.Get(ctx, claimKey(s.Namespace, templateTag), &claim); err != nil {
		return t, err
	}
	if err := s.Admin.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: answer.ID()}, &u); err != nil {
		return t, err
	}
	t.claim.ObjectMeta, t.claim.Spec = writtenMeta(&claim), claim.Spec
	t.user.ObjectMeta, t.user.Spec = writtenMeta(&u), u.Spec
	sameClaim, sameUser := t.objects("", templateTag)
	sameClaim.Spec.AcquiredAt = claim.Spec.AcquiredAt
	if !equality.Semantic.DeepEqual(&t.claim, sameClaim) || !equality.Semantic.DeepEqual(&t.user, sameUser) {
		return t, fmt.Errorf("the service writes other objects than the benchmark: %+v and %+v", t.claim, t.user)
	}
	return t, nil
}

// writtenMeta returns the metadata that the writer of an object chooses.
func writtenMeta(o client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: o.GetName(), Finalizers: o.GetFinalizers(), Annotations: o.GetAnnotations(), Labels: o.GetLabels()}
}

// claimKey returns the key of the claim on the userName of a tag.
func claimKey(namespace, tag string) client.ObjectKey {
	return nameclaim.UserName(namespace, load.UserName(tag)).Key()
}

// objects returns the claim and the user of a tag.
func (t *userTemplate) objects(namespace, tag string) (*v1alpha1.CloudSSONameClaim, *v1alpha1.CloudSSOUser) {
	u := t.user.DeepCopy()
	renamed := func(text string) string { return strings.ReplaceAll(text, templateTag, tag) }
	u.Namespace, u.Name = namespace, renamed(u.Name)
	u.Spec.UserName, u.Spec.ExternalID = load.UserName(tag), load.ExternalID(tag)
	u.Spec.DisplayName = renamed(u.Spec.DisplayName)
	u.Spec.Name.GivenName, u.Spec.Name.FamilyName = renamed(u.Spec.Name.GivenName), renamed(u.Spec.Name.FamilyName)
	u.Spec.Emails[0].Value = renamed(u.Spec.Emails[0].Value)

	c := t.claim.DeepCopy()
	c.Namespace, c.Name = namespace, claimKey(namespace, tag).Name
	c.Spec.Name, c.Spec.Holder, c.Spec.AcquiredAt = nameclaim.NameOf(u).Folded, u.Name, metav1.NowMicro()
	return c, u
}
