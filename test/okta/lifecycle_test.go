package okta_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

const (
	userURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"
	patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// newUser returns the body of Okta's create.
func newUser(userName, externalID string) string {
	return fmt.Sprintf(`{"schemas":[%q],"userName":%q,"name":{"givenName":"Test","familyName":"User"},
		"emails":[{"primary":true,"value":%q,"type":"work"}],"displayName":"Test User","locale":"en-US",
		"externalId":%q,"groups":[],"password":"1mz050nq","active":true}`, userURN, userName, userName, externalID)
}

func byFilter(format string, args ...any) string {
	return "?filter=" + url.QueryEscape(fmt.Sprintf(format, args...)) + "&startIndex=1&count=100"
}

func patch(operations string) string {
	return fmt.Sprintf(`{"schemas":[%q],"Operations":%s}`, patchURN, operations)
}

// unique returns a userName that no other spec has.
func unique(name string) string {
	return fmt.Sprintf("%s.%d@example.com", name, GinkgoRandomSeed()+time.Now().UnixNano())
}

func create(ctx context.Context, userName string) string {
	GinkgoHelper()
	return send(ctx, 201, "POST", "/Users", newUser(userName, "00u"+userName)).ID()
}

var _ = Describe("connecting", func() {
	It("answers the connection test with a list", func(ctx SpecContext) {
		list := send(ctx, 200, "GET", "/Users?startIndex=1&count=1", "")
		Expect(list.Body).To(HaveKeyWithValue("totalResults", BeNumerically(">=", 0)))
		Expect(list.Body).To(HaveKeyWithValue("schemas", ConsistOf("urn:ietf:params:scim:api:messages:2.0:ListResponse")))
	})

	It("refuses a bad token with a SCIM error in JSON", func(ctx SpecContext) {
		stranger := &provider.Client{BaseURL: okta.BaseURL, Token: "not-the-token", HTTP: okta.HTTP}
		answer, err := stranger.Do(ctx, "GET", "/Users?startIndex=1&count=1", "")
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status).To(Equal(401))
		Expect(answer.Header.Get("WWW-Authenticate")).To(HavePrefix("Bearer"))
		Expect(answer.Body).To(HaveKeyWithValue("status", "401"))
		Expect(answer.Raw).NotTo(ContainSubstring("not-the-token"))
	})

	It("speaks HTTP/2", func(ctx SpecContext) {
		Expect(send(ctx, 200, "GET", "/Users?count=0", "").Proto).To(Equal("HTTP/2.0"))
	})

	It("tells what it can without credentials", func(ctx SpecContext) {
		anybody := &provider.Client{BaseURL: okta.BaseURL, HTTP: okta.HTTP}
		for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas"} {
			answer, err := anybody.Do(ctx, "GET", path, "")
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Status).To(Equal(200), path)
		}
	})
})

var _ = Describe("a user's life", func() {
	It("is matched, created, found and shown by kubectl as Active", func(ctx SpecContext) {
		name := unique("joiner")
		Expect(send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "").Body).To(HaveKeyWithValue("totalResults", BeNumerically("==", 0)))

		created := send(ctx, 201, "POST", "/Users", newUser(name, "00ujoiner"))
		Expect(created.ID()).NotTo(BeEmpty())
		Expect(created.Header.Get("Location")).To(Equal(okta.BaseURL + "/Users/" + created.ID()))
		Expect(created.Body).To(HaveKeyWithValue("active", true))
		Expect(created.Raw).NotTo(ContainSubstring("1mz050nq"), "the password was echoed")

		found := send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", strings.ToUpper(name)), "")
		Expect(found.Resources()).To(HaveLen(1))
		Expect(found.Resources()[0]).To(HaveKeyWithValue("id", created.ID()))

		Eventually(stateOf(ctx, created.ID())).Should(Equal(v1alpha1.UserActive))
		stored := user(ctx, created.ID())
		Expect(stored.Spec.Source).To(Equal(v1alpha1.SourceSCIM))
		Expect(stored.Spec.UserName).To(Equal(name))
		Expect(stored.Spec.Emails).To(ConsistOf(v1alpha1.MultiValue{Value: name, Type: "work", Primary: new(true)}))
		Expect(fmt.Sprintf("%+v", stored)).NotTo(ContainSubstring("1mz050nq"), "the password was stored")
	})

	It("is refused a second time with 409 uniqueness", func(ctx SpecContext) {
		name := unique("twice")
		create(ctx, name)
		Expect(send(ctx, 409, "POST", "/Users", newUser(strings.ToUpper(name), "00uother")).Body).To(HaveKeyWithValue("scimType", "uniqueness"))
	})

	It("follows a PUT of what was read, read-only attributes and all", func(ctx SpecContext) {
		id := create(ctx, unique("put"))
		read := send(ctx, 200, "GET", "/Users/"+id, "")
		body := strings.Replace(read.Raw, `"Test User"`, `"Renamed User"`, 1)
		body = strings.Replace(body, `"active":true`, `"active":true,"groups":[{"value":"nonsense"}]`, 1)
		Expect(send(ctx, 200, "PUT", "/Users/"+id, body).Body).To(HaveKeyWithValue("displayName", "Renamed User"))
		Expect(user(ctx, id).Spec.DisplayName).To(Equal("Renamed User"))
		Expect(user(ctx, id).Spec.Name.GivenName).To(Equal("Test"))
	})

	DescribeTable("is Disabled after its deactivation, and Active again",
		func(ctx SpecContext, method, off, on string) {
			name := unique("leaver")
			id := create(ctx, name)
			body := func(template string) string {
				return strings.NewReplacer("$NAME", name).Replace(template)
			}
			Expect(send(ctx, 200, method, "/Users/"+id, body(off)).Body).To(HaveKeyWithValue("active", false))
			acknowledged := time.Now()
			Eventually(stateOf(ctx, id)).Should(Equal(v1alpha1.UserDisabled))
			AddReportEntry("deactivation acknowledged → Disabled", time.Since(acknowledged))

			found := send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "")
			Expect(found.Resources()).To(ConsistOf(HaveKeyWithValue("active", false)), "an inactive user must still be found")
			Expect(send(ctx, 200, method, "/Users/"+id, body(on)).Body).To(HaveKeyWithValue("active", true))
			Eventually(stateOf(ctx, id)).Should(Equal(v1alpha1.UserActive))
		},
		Entry("by a PATCH without a path, as catalogue apps send it", "PATCH",
			patch(`[{"op":"replace","value":{"active":false}}]`), patch(`[{"op":"replace","value":{"active":true}}]`)),
		Entry("by a PUT, as app-wizard apps send it", "PUT",
			`{"schemas":["`+userURN+`"],"userName":"$NAME","active":false}`, `{"schemas":["`+userURN+`"],"userName":"$NAME","active":true}`),
	)

	// https://github.com/better-auth/better-auth/issues/11111: a 409 here would lock the person out.
	It("is restored when it is disabled and is created again with the same externalId", func(ctx SpecContext) {
		name := unique("returner")
		id := create(ctx, name)
		crew := send(ctx, 201, "POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":[{"value":%q}]}`, groupURN, "Crew "+name, id)).ID()
		send(ctx, 200, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":false}}]`))
		Expect(send(ctx, 201, "POST", "/Users", newUser(name, "00u"+name)).ID()).To(Equal(id))
		Eventually(stateOf(ctx, id)).Should(Equal(v1alpha1.UserActive))
		Expect(send(ctx, 200, "GET", "/Groups/"+crew, "").Body).To(HaveKeyWithValue("members", ConsistOf(HaveKeyWithValue("value", id))))
	})

	DescribeTable("is another user when it is created again with one of userName and externalId",
		func(ctx SpecContext, status int, userName, externalID string) {
			name := unique("reused")
			id := create(ctx, name)
			send(ctx, 200, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":false}}]`))
			filled := strings.NewReplacer("$NAME", name)
			Expect(send(ctx, status, "POST", "/Users", newUser(filled.Replace(userName), filled.Replace(externalID))).ID()).NotTo(Equal(id))
			Expect(send(ctx, 200, "GET", "/Users/"+id, "").Body).To(And(HaveKeyWithValue("userName", name), HaveKeyWithValue("active", false)))
		},
		Entry("the externalId alone", 201, "other.$NAME", "00u$NAME"),
		Entry("the userName alone", 409, "$NAME", "00uother"),
		Entry("the userName, and no externalId", 409, "$NAME", ""),
	)

	It("ends with a DELETE that keeps the object and frees the userName: a later create is another user", func(ctx SpecContext) {
		name := unique("deleted")
		id := create(ctx, name)
		send(ctx, 204, "DELETE", "/Users/"+id, "")
		Eventually(stateOf(ctx, id)).Should(Equal(v1alpha1.UserDeprovisioned))
		Expect(send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "").Resources()).To(BeEmpty())
		next := send(ctx, 201, "POST", "/Users", newUser(name, "00u"+name)).ID()
		Expect(next).NotTo(Equal(id))
		Expect(send(ctx, 200, "GET", "/Users"+byFilter("externalId eq %q", "00u"+name), "").IDs()).To(ConsistOf(next))
		send(ctx, 404, "GET", "/Users/"+id, "")
		send(ctx, 404, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":true}}]`))
		send(ctx, 404, "DELETE", "/Users/"+id, "")
		Expect(user(ctx, id).Spec.DeprovisionedAt).NotTo(BeNil())
	})

	It("stays suspended when it is deleted and created again", func(ctx SpecContext) {
		name := unique("inherited")
		id := create(ctx, name)
		suspend(ctx, id)
		send(ctx, 204, "DELETE", "/Users/"+id, "")
		created := send(ctx, 201, "POST", "/Users", newUser(name, "00u"+name))
		Expect(created.Body).To(HaveKeyWithValue("active", true), "SCIM shows the provider's own value")
		Eventually(stateOf(ctx, created.ID())).Should(Equal(v1alpha1.UserSuspended))
		Eventually(func() []metav1.Condition { return user(ctx, created.ID()).Status.Conditions }).
			Should(ContainElement(HaveField("Message", ContainSubstring(id))), "the condition names the earlier user")
	})

	It("is suspended by an administrator, which no identity provider lifts or sees", func(ctx SpecContext) {
		id := create(ctx, unique("suspended"))
		suspend(ctx, id)
		Eventually(stateOf(ctx, id)).Should(Equal(v1alpha1.UserSuspended))
		Expect(send(ctx, 200, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":true,"title":"Lead"}}]`)).Body).To(HaveKeyWithValue("active", true))
		Expect(user(ctx, id).Spec.Suspended).To(BeTrue())
		Consistently(stateOf(ctx, id)).WithTimeout(300 * time.Millisecond).Should(Equal(v1alpha1.UserSuspended))
	})
})

// suspend suspends a user, as an administrator does.
func suspend(ctx context.Context, id string) {
	GinkgoHelper()
	u := user(ctx, id)
	before := u.DeepCopy()
	u.Spec.Suspended = true
	Expect(environment.Admin.Patch(ctx, u, client.MergeFrom(before))).To(Succeed())
}

var _ = Describe("import", func() {
	It("pages through every user once, in one order, with the right total", func(ctx SpecContext) {
		var ids []string
		for i := range 7 {
			ids = append(ids, create(ctx, unique(fmt.Sprintf("import%d", i))))
		}
		var seen []string
		total := 1
		for start := 1; start <= total; start += 3 {
			page := send(ctx, 200, "GET", fmt.Sprintf("/Users?startIndex=%d&count=3", start), "")
			total = page.Total()
			Expect(page.Body).To(HaveKeyWithValue("startIndex", BeNumerically("==", start)))
			seen = append(seen, page.IDs()...)
		}
		Expect(seen).To(HaveLen(total))
		Expect(seen).To(ContainElements(ids))
		Expect(send(ctx, 200, "GET", "/Groups?startIndex=1&count=100", "").Body).To(HaveKey("totalResults"))
	})
})

var _ = Describe("group push", func() {
	var alice, bob, name, id string

	BeforeEach(func(ctx SpecContext) {
		alice, bob = create(ctx, unique("alice")), create(ctx, unique("bob"))
		name = "Engineering " + unique("g")
		Expect(send(ctx, 200, "GET", "/Groups"+byFilter("displayName eq %q", name), "").Resources()).To(BeEmpty())
		id = send(ctx, 201, "POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":[]}`, groupURN, name)).ID()
	})

	members := func(ctx context.Context) []string {
		names := []string{}
		for _, m := range group(ctx, id).Spec.Members {
			names = append(names, m.Name)
		}
		return names
	}

	It("finds the group by its displayName", func(ctx SpecContext) {
		found := send(ctx, 200, "GET", "/Groups"+byFilter("displayName eq %q", name), "")
		Expect(found.Resources()).To(ConsistOf(HaveKeyWithValue("id", id)))
	})

	// https://github.com/Metatavu/keycloak-scim-server/pull/113: a 400 here stops the whole push.
	It("renames with a value that repeats the id, and frees the old name", func(ctx SpecContext) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"replace","value":{"id":%q,"displayName":%q}}]`, id, name+" new")))
		Expect(group(ctx, id).Spec.DisplayName).To(Equal(name + " new"))
		send(ctx, 201, "POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q}`, groupURN, name))
	})

	It("removes and adds members in one PATCH, beside a rename to the same name", func(ctx SpecContext) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":%q,"display":"Alice"}]}]`, alice)))
		Expect(members(ctx)).To(ConsistOf(alice))
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(
			`[{"op":"replace","value":{"id":%q,"displayName":%q}},{"op":"remove","path":"members[value eq \"%s\"]"},{"op":"add","path":"members","value":[{"value":%q,"display":"Bob"}]}]`,
			id, name, alice, bob)))
		Expect(members(ctx)).To(ConsistOf(bob))
		Eventually(func() *int32 { return group(ctx, id).Status.Members }).Should(HaveValue(BeEquivalentTo(1)))
		Expect(send(ctx, 200, "GET", "/Users/"+bob, "").Body).To(HaveKeyWithValue("groups", ConsistOf(HaveKeyWithValue("value", id))))
	})

	DescribeTable("replaces all members at once", func(ctx SpecContext, operations string) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":%q}]}]`, alice)))
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(strings.NewReplacer("$BOB", bob, "$ID", id, "$NAME", name).Replace(operations)))
		Expect(members(ctx)).To(ConsistOf(bob))
	},
		Entry("with a path", `[{"op":"replace","path":"members","value":[{"value":"$BOB","display":"Bob"}]}]`),
		// https://github.com/jelhub/scimgateway/issues/113
		Entry("without a path", `[{"op":"replace","value":{"members":[{"value":"$BOB"}],"id":"$ID","displayName":"$NAME"}}]`),
	)

	It("empties the group with an empty list", func(ctx SpecContext) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":%q}]}]`, alice)))
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(`[{"op":"replace","path":"members","value":[]}]`))
		Expect(members(ctx)).To(BeEmpty())
	})

	It("PUTs the group with all members, under its own name", func(ctx SpecContext) {
		send(ctx, 200, "PUT", "/Groups/"+id, fmt.Sprintf(`{"schemas":[%q],"id":%q,"displayName":%q,"members":[{"value":%q},{"value":%q}]}`, groupURN, id, name, alice, bob))
		Expect(members(ctx)).To(ConsistOf(alice, bob))
	})

	It("skips a member that is unknown, and says so in an Event", func(ctx SpecContext) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":"absent"},{"value":%q}]}]`, bob)))
		Expect(members(ctx)).To(ConsistOf(bob))
		Eventually(eventsOn(ctx, id)).Should(ContainElement("MemberSkipped"))
	})

	It("keeps a disabled member, and drops one that is deleted", func(ctx SpecContext) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]}]`, alice, bob)))
		send(ctx, 200, "PATCH", "/Users/"+alice, patch(`[{"op":"replace","value":{"active":false}}]`))
		send(ctx, 204, "DELETE", "/Users/"+bob, "")
		Expect(send(ctx, 200, "GET", "/Groups/"+id, "").Body).To(HaveKeyWithValue("members", ConsistOf(HaveKeyWithValue("value", alice))))
		Eventually(func() []string { return members(ctx) }).Should(ConsistOf(alice))
	})

	It("unlinks with a DELETE, which leaves the users", func(ctx SpecContext) {
		send(ctx, 200, "PATCH", "/Groups/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"members","value":[{"value":%q}]}]`, alice)))
		send(ctx, 204, "DELETE", "/Groups/"+id, "")
		send(ctx, 404, "GET", "/Groups/"+id, "")
		send(ctx, 404, "DELETE", "/Groups/"+id, "")
		Eventually(func() bool {
			err := environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: id}, &v1alpha1.CloudSSOGroup{})
			return apierrors.IsNotFound(err)
		}).Should(BeTrue())
		send(ctx, 200, "GET", "/Users/"+alice, "")
	})
})

var _ = Describe("a user with a large profile", func() {
	It("grows up to the limit, and is deactivated and deleted all the same", func(ctx SpecContext) {
		id := create(ctx, unique("large"))
		certificate := strings.Repeat("A", 16_384)
		status := 0
		for n := 0; n < 20 && status != http.StatusRequestEntityTooLarge; n++ {
			answer, err := okta.Do(ctx, "PATCH", "/Users/"+id, patch(fmt.Sprintf(`[{"op":"add","path":"x509Certificates","value":[{"value":%q,"type":"%d"}]}]`, certificate, n)))
			Expect(err).NotTo(HaveOccurred())
			status = answer.Status
		}
		Expect(status).To(Equal(http.StatusRequestEntityTooLarge))
		Expect(send(ctx, 200, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":false}}]`)).Body["active"]).To(BeFalse())
		send(ctx, 204, "DELETE", "/Users/"+id, "")
	})
})

var _ = Describe("a leaver whose profile has a value that is refused", func() {
	It("loses access, and the answer and the provisioning log say so", func(ctx SpecContext) {
		userName := unique("refused")
		id := create(ctx, userName)
		profile := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"title":"changed","nickName":%q,"active":false}`,
			userName, strings.Repeat("x", 1025)) // the API server refuses it
		answer := send(ctx, 400, "PUT", "/Users/"+id, profile)
		Expect(answer.Body).To(HaveKeyWithValue("detail", And(HavePrefix("active is false now"), ContainSubstring("nickName"), ContainSubstring("1024"))))
		Eventually(linesOf).WithArguments(auditLog, answer.Header.Get("X-Request-Id")).Should(ContainElement(And(
			HaveKeyWithValue("status", 400.), HaveKeyWithValue("effects", ConsistOf("Deactivated")), HaveKeyWithValue("detail", ContainSubstring("nickName")))))
		stored := send(ctx, 200, "GET", "/Users/"+id, "").Body
		Expect(stored).To(HaveKeyWithValue("active", false))
		Expect(stored).NotTo(HaveKey("title"))

		other := create(ctx, unique("refused"))
		send(ctx, 409, "PATCH", "/Users/"+other, patch(fmt.Sprintf(`[{"op":"replace","value":{"userName":%q,"active":false}}]`, userName)))
		Expect(send(ctx, 200, "GET", "/Users/"+other, "").Body).To(HaveKeyWithValue("active", false))
	})
})

var _ = Describe("the switch", Serial, func() {
	It("refuses SCIM while it is off, counts what was refused, and asks for a push when it is on again", func(ctx SpecContext) {
		id := create(ctx, unique("switched"))
		setSwitch(ctx, v1alpha1.SynchronizationDisabled)
		DeferCleanup(configure, func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled })
		Eventually(func() int {
			answer, err := okta.Do(ctx, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":false}}]`))
			Expect(err).NotTo(HaveOccurred())
			return answer.Status
		}).Should(Equal(403))
		send(ctx, 403, "GET", "/Users/"+id, "")
		send(ctx, 200, "GET", "/ServiceProviderConfig", "")

		directory := func() v1alpha1.CloudSSODirectoryStatus {
			d := &v1alpha1.CloudSSODirectory{}
			Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
			return d.Status
		}
		Eventually(func() string {
			if refused := directory().RefusedWrites; refused != nil {
				return refused.Last[0].Resource
			}
			return ""
		}).Should(Equal("Users/" + id))

		setSwitch(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(func() string {
			for _, c := range directory().Conditions {
				if c.Type == v1alpha1.ConditionResyncNeeded {
					return string(c.Status)
				}
			}
			return ""
		}).Should(Equal("True"))
		Eventually(func() int {
			answer, err := okta.Do(ctx, "GET", "/Users/"+id, "")
			Expect(err).NotTo(HaveOccurred())
			return answer.Status
		}).Should(Equal(200))
	})
})
