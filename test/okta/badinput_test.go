package okta_test

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// eventsOn returns a function that returns the reasons of the Events on an object.
func eventsOn(ctx context.Context, name string) func() []string {
	return func() (reasons []string) {
		var events eventsv1.EventList
		Expect(environment.Admin.List(ctx, &events, client.InNamespace(environment.Namespace))).To(Succeed())
		for _, event := range events.Items {
			if event.Regarding.Name == name {
				reasons = append(reasons, event.Reason)
			}
		}
		return reasons
	}
}

var _ = Describe("bad input", Serial, func() {
	DescribeTable("is refused with an error that names what is wrong, and changes nothing",
		func(ctx SpecContext, status int, method, path, body, scimType, named string) {
			before := everything(ctx)
			answer := send(ctx, status, method, path, body)
			if scimType != "" {
				Expect(answer.Body).To(HaveKeyWithValue("scimType", scimType), answer.Raw)
			}
			Expect(answer.Body["detail"]).To(ContainSubstring(named))
			Expect(answer.Raw).NotTo(ContainSubstring("s3cret"))
			Expect(everything(ctx)).To(Equal(before))
		},
		Entry("malformed JSON", 400, "POST", "/Users", `{"userName":`, "invalidSyntax", ""),
		Entry("a wrong type", 400, "POST", "/Users", `{"userName":"bad@example.com","emails":[{"value":"a","primary":"perhaps"}],"password":"s3cret"}`, "invalidValue", "emails"),
		Entry("no userName", 400, "POST", "/Users", `{"displayName":"x","password":"s3cret"}`, "invalidValue", "userName"),
		Entry("an over-long userName", 400, "POST", "/Users", `{"userName":"`+strings.Repeat("a", 300)+`"}`, "invalidValue", "userName"),
		Entry("an over-long title", 400, "POST", "/Users", `{"userName":"long@example.com","title":"`+strings.Repeat("a", 2000)+`"}`, "invalidValue", "title"),
		Entry("deep nesting", 400, "POST", "/Users", `{"userName":"deep@example.com","x":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`}`, "", ""),
		Entry("a body over the limit", 413, "POST", "/Users", `{"userName":"`+strings.Repeat("a", 17<<20)+`"}`, "", ""),
		Entry("no displayName", 400, "POST", "/Groups", `{"members":[]}`, "invalidValue", "displayName"),
		Entry("a nested group", 400, "POST", "/Groups", `{"displayName":"nest","members":[{"value":"g","type":"Group"}]}`, "", "nested"),
		Entry("a filter that cannot be read", 400, "GET", "/Users?filter=userName+eq+", "", "invalidFilter", ""),
		Entry("an unknown route", 404, "GET", "/Nothing", "", "", ""),
		Entry("an unknown id", 404, "GET", "/Users/absent", "", "", "absent"),
		Entry("an id that no object can have", 404, "GET", "/Users/No%20Body%2Fat%20all", "", "", ""),
		Entry("a method that is not there", 405, "DELETE", "/Users", "", "", ""),
	)

	It("is refused when its media type is not JSON", func(ctx SpecContext) {
		Expect(postAs(ctx, "text/plain", `{"userName":"plain@example.com"}`)).To(Equal(415))
		Expect(postAs(ctx, "application/json", newUser(unique("json"), ""))).To(Equal(201))
	})
})

func postAs(ctx context.Context, mediaType, body string) (status int) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, okta.BaseURL+"/Users", strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", mediaType)
	request.Header.Set("Authorization", "Bearer "+okta.Token)
	answer, err := okta.HTTP.Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Body.Close()).To(Succeed())
	return answer.StatusCode
}

// everything returns the specs that are stored, in the order of names.
func everything(ctx context.Context) (specs []any) {
	GinkgoHelper()
	var users v1alpha1.CloudSSOUserList
	var groups v1alpha1.CloudSSOGroupList
	Expect(environment.Admin.List(ctx, &users, client.InNamespace(environment.Namespace))).To(Succeed())
	Expect(environment.Admin.List(ctx, &groups, client.InNamespace(environment.Namespace))).To(Succeed())
	for _, u := range users.Items {
		specs = append(specs, u.Spec)
	}
	for _, g := range groups.Items {
		specs = append(specs, g.Spec)
	}
	return specs
}
