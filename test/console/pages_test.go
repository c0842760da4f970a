//go:build console

package console_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
)

// pages returns the addresses of pages that are there for all three roles from the first spec to the last, and their headings.
func pages() map[string]string {
	return map[string]string{
		directory(""):                      "Overview",
		directory("users"):                 "Users",
		directory("users?q=alice"):         "Users",
		directory("users/" + users[alice]): alice,
		directory("groups"):                "Groups",
		directory("groups/" + engineers):   "engineers",
		directory("access"):                "Access",
		directory("access/" + assignment):  "engineers-view",
		directory("review"):                "Who has which role where",
		directory("settings"):              "Settings",

		directory("users/" + users[alice] + "/suspend"): "Suspend " + alice + "?",
		directory("users/" + users[alice] + "/lift"):    "Lift the suspension of " + alice + "?",
		directory("users/" + users[alice] + "/delete"):  "Delete " + alice + "?",
		directory("approvals"):                          "Approvals",
		directory("approvals/decide?decision=Apply"):    "Apply all withheld deactivations?",

		directory("log"): "Log",

		directory("settings/edit"):       "Change the settings",
		directory("switch?to=Disabled"):  "Disable synchronization",
		directory("switch?to=Enabled"):   "Enable synchronization",
		directory("new-credential"):      "Create a credential",
		credential(""):                   "Credential " + quickstart.CredentialName,
		credential("/rotate"):            "Rotate " + quickstart.CredentialName,
		credential("/revoke"):            "Revoke " + quickstart.CredentialName + "?",
		credential("/end?disabled=true"): "Disable " + quickstart.CredentialName + "?",
		credential("/stored"):            "Is the token of " + quickstart.CredentialName + " stored?",
		credential("/rotation?old=gone"): "Rotation",
	}
}

// credential returns the address of a page of the credential that the directory has.
func credential(page string) string {
	return directory("credentials/" + quickstart.CredentialName + page)
}

var _ = Describe("the page of an object that does not exist", func() {
	It("says so, and leads to the list", func(ctx SpecContext) {
		v := signIn(ctx, viewer)
		for path, want := range map[string][]string{
			"users/nope":       {"There is no such user. It may have been deleted.", "Users", "users"},
			"groups/nope":      {"There is no such group. It may have been deleted.", "Groups", "groups"},
			"credentials/nope": {"There is no such credential. It may have been revoked.", "Settings", "settings"},
		} {
			page := v.get(ctx, directory(path))
			Expect(page.StatusCode).To(Equal(http.StatusNotFound))
			Expect(page.text()).To(And(ContainSubstring(want[0]), ContainSubstring(`"nope" not found`)))
			Expect(link(page, want[1])).To(Equal(directory(want[2])))
		}
	})
})

var _ = Describe("each page", func() {
	for _, p := range []person{viewer, editor, admin} {
		It("is shown to the "+string(p), func(ctx SpecContext) {
			v := signIn(ctx, p)
			for path, heading := range pages() {
				answer := v.get(ctx, path)
				Expect(answer.StatusCode).To(Equal(http.StatusOK), "%s: %s", path, answer.text())
				Expect(answer.heading()).To(Equal(heading), path)
			}
		})
	}

	It("says in the API server's words which right a stranger lacks", func(ctx SpecContext) {
		v := signIn(ctx, stranger)
		for path := range pages() {
			answer := v.get(ctx, path)
			Expect(answer.StatusCode).To(Equal(http.StatusForbidden), path)
			Expect(answer.text()).To(And(ContainSubstring(`User "stranger" cannot`), ContainSubstring(environment.Namespace)), path)
		}
	})

	It("is shown by a browser", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		for path, heading := range pages() {
			t.goTo(path)
			Expect(t.text("h1")).To(Equal(heading), path)
		}
	})
})
