//go:build console

package console_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// sent is a form of a page that the admin sends.
type sent struct {
	page, action string
	// typed is what the admin types, or has answered before.
	typed url.Values
}

// sentForms returns a form for each action of the console.
func sentForms() []sent {
	user, decide := directory("users/"+users[alice]), "/directories/"+withheldNamespace+"/approvals/decide"
	return []sent{
		{directory(""), directory("resync"), nil},
		{directory("settings/edit"), directory("settings/edit"), url.Values{"existingUsers": {"Adopt"}}},
		{directory("switch?to=Disabled"), directory("switch"), nil},
		{user + "/suspend", user + "/suspend", nil},
		{user + "/lift", user + "/lift", nil},
		{user + "/delete", user + "/delete", nil},
		{decide + "?decision=Apply&user=" + leaver, decide, nil},
		{decide + "?decision=Discard", decide, nil},
		{directory("new-credential"), directory("credentials"), url.Values{"name": {"entra"}}},
		{credential("/rotate"), credential("/rotate"), nil},
		{credential(""), credential("/disabled"), url.Values{"sure": {"true"}}},
		{credential(""), credential("/expiry"), url.Values{"sure": {"true"}, "expiresAt": {"2020-01-01T00:00"}}},
		{credential("/revoke"), credential("/revoke"), nil},
	}
}

// fields returns what the browser of the admin sends, without the token of the session.
func (s sent) fields(ctx context.Context, v *visitor) url.Values {
	GinkgoHelper()
	var page *answer
	Eventually(func() int { // the API server may learn of a right later
		page = v.get(ctx, s.page)
		return len(page.forms(s.action))
	}).ShouldNot(BeZero(), "%s has no form that is sent to %s", s.page, s.action)
	fields, _ := fieldsOf(page.forms(s.action)[0])
	maps.Copy(fields, s.typed)
	delete(fields, csrfField)
	return fields
}

// written returns what tells each state of the objects that actions change from each other one.
func written(ctx context.Context) (states []string) {
	GinkgoHelper()
	for _, namespace := range []string{environment.Namespace, withheldNamespace} {
		for _, list := range []client.ObjectList{&v1alpha1.CloudSSODirectoryList{}, &v1alpha1.CloudSSOUserList{}, &v1alpha1.SCIMCredentialList{}} {
			Expect(environment.Admin.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			Expect(meta.EachListItem(list, func(item runtime.Object) error {
				o, err := meta.Accessor(item)
				if err == nil {
					states = append(states, fmt.Sprintf("%T %s: %d %v %v", item, o.GetName(), o.GetGeneration(), o.GetDeletionTimestamp(), o.GetAnnotations()))
				}
				return err
			})).To(Succeed())
		}
	}
	return states
}

var _ = Describe("each form of the admin", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		createWithheld(ctx)
		turn(ctx, v1alpha1.SynchronizationDisabled)
		scim(ctx, http.StatusForbidden, "PATCH", "/Users/"+users[carol], inactive)
		turn(ctx, v1alpha1.SynchronizationEnabled)
	})

	AfterAll(func(ctx SpecContext) {
		v := signIn(ctx, admin)
		Eventually(func(g Gomega) { // the time of a refusal is a whole second, and acknowledged once that has passed
			page := v.get(ctx, directory(""))
			if len(page.forms(directory("resync"))) > 0 {
				page = page.submit(ctx, directory("resync"), nil)
			}
			g.Expect(page.forms(directory("resync"))).To(BeEmpty())
		}).Should(Succeed())
	})

	It("is in the table of those that others send", func(ctx SpecContext) {
		known := map[string]bool{}
		for _, s := range sentForms() {
			known[kindOf(&url.URL{Path: s.action})] = true
		}
		v := signIn(ctx, admin)
		for _, path := range addresses(ctx) {
			for _, action := range postedTo(v.get(ctx, path)) {
				Expect(known).To(HaveKey(kindOf(&url.URL{Path: action})))
			}
		}
	})

	for _, p := range []person{viewer, editor} {
		It("is refused to the "+string(p)+" in the API server's words, and changes nothing", func(ctx SpecContext) {
			bind(ctx, p, withheldNamespace, roles[p])
			administering, v := signIn(ctx, admin), signIn(ctx, p)
			v.get(ctx, directory("settings/edit")) // which has the token of the session
			Eventually(func() int {
				return v.get(ctx, "/directories/"+withheldNamespace+"/users/"+leaver).StatusCode
			}).Should(Equal(http.StatusOK))
			before := written(ctx)
			for _, s := range sentForms() {
				refused := v.post(ctx, s.action, s.fields(ctx, administering))
				Expect(refused.StatusCode).To(Equal(http.StatusForbidden), "%s: %s", s.action, refused.text())
				Expect(refused.text()).To(Or(ContainSubstring(`User "`+string(p)+`" cannot`), ContainSubstring("you lack the right to delete cloudssousers")), s.action)
			}
			Expect(written(ctx)).To(Equal(before))
		})
	}
})
