package okta_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

var _ = Describe("a token", Serial, func() {
	It("in any part of a request is in no log, Event or status", func(ctx SpecContext) {
		token := environment.Token
		id := create(ctx, unique("redacted"))
		for _, request := range []struct{ method, path, body string }{
			{"GET", "/Users/" + token, ""},
			{"GET", "/" + token, ""},
			{"GET", "/Users?access_token=" + token, ""},
			{"GET", "/Users" + byFilter("%s eq 1", token), ""},
			{token, "/Users", ""},
			{"PATCH", "/Users/" + id, patch(`[{"op":"replace","path":"` + token + `","value":"x"}]`)},
			{"PATCH", "/Users/" + id, patch(`[{"op":"add","path":"urn:x:` + token + `","value":"x"}]`)},
			{"POST", "/Groups", `{"displayName":"redacted","members":[{"value":"` + token + `"}]}`},
			{"POST", "/Bulk", `{"Operations":[{"method":"` + token + `","path":"/` + token + `","data":{}}]}`},
		} {
			_, err := okta.Do(ctx, request.method, request.path, request.body)
			Expect(err).NotTo(HaveOccurred())
		}
		setSwitch(ctx, v1alpha1.SynchronizationDisabled)
		DeferCleanup(configure, func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled })
		Eventually(func() (int, error) {
			answer, err := okta.Do(ctx, "PUT", "/Users/"+token, newUser("x", "x"))
			return answer.Status, err
		}).Should(Equal(http.StatusForbidden))

		Eventually(written).WithContext(ctx).Should(And(
			ContainSubstring("Users/cssoscim_[redacted]"), // a refused write
			ContainSubstring("MemberSkipped"),
		))
		random := strings.ToLower(strings.Split(token, "_")[2])
		for _, text := range []string{random, auth.HashToken(token).String()} {
			log, err := os.ReadFile(environment.LogFile())
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Contains(strings.ToLower(string(log)), text)).To(BeFalse(), "the log has %s", text)
		}
		Expect(strings.Contains(strings.ToLower(written(ctx)), random)).To(BeFalse())
	})

	It("in two Authorization headers is answered with 400", func(ctx SpecContext) {
		for _, second := range []string{"Bearer " + environment.Token, "Bearer x", ""} {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, okta.BaseURL+"/Users?count=1", http.NoBody)
			Expect(err).NotTo(HaveOccurred())
			request.Header["Authorization"] = []string{"Bearer " + environment.Token, second}
			answer, err := okta.HTTP.Do(request)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Body.Close()).To(Succeed())
			Expect(answer.StatusCode).To(Equal(http.StatusBadRequest), second)
		}
	})
})

// written returns what the operator has written into Events and custom resources.
func written(ctx context.Context) string {
	GinkgoHelper()
	var all strings.Builder
	events, users, groups := &eventsv1.EventList{}, &v1alpha1.CloudSSOUserList{}, &v1alpha1.CloudSSOGroupList{}
	directories, credentials := &v1alpha1.CloudSSODirectoryList{}, &v1alpha1.SCIMCredentialList{}
	Expect(environment.Admin.List(ctx, events)).To(Succeed())
	Expect(environment.Admin.List(ctx, users)).To(Succeed())
	Expect(environment.Admin.List(ctx, groups)).To(Succeed())
	Expect(environment.Admin.List(ctx, directories)).To(Succeed())
	Expect(environment.Admin.List(ctx, credentials)).To(Succeed())
	for _, list := range []any{events, users, groups, directories, credentials} {
		content, err := json.Marshal(list)
		Expect(err).NotTo(HaveOccurred())
		fmt.Fprintln(&all, string(content))
	}
	return all.String()
}
