//go:build console

package console_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// The operator of this suite runs beside the cluster, not in a Pod, so no person can read its log through the API server.
// cmd/kubectl-cloudsso has the specs of the log itself.
var _ = Describe("the log without the right to read it", func() {
	for _, p := range []person{viewer, editor, admin} {
		It("is the last changes of the directory for the "+string(p), func(ctx SpecContext) {
			page := signIn(ctx, p).get(ctx, directory("log?whole=1&since=all&user="+strings.ToUpper(bob)))
			Expect(page.StatusCode).To(Equal(http.StatusOK))
			Expect(page.text()).To(And(ContainSubstring(`User "`+string(p)+`" cannot list resource "pods"`), ContainSubstring("So these are the last change of each user and group")))
			Expect(page.rows()).To(ContainElement(ContainElements("Modify", "User/"+bob, "The user is now Disabled", "okta")))
		})
	}

	It("is read while the page is open, and each user has a link", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(directory("log?since=all"))
		Eventually(func() string { return evaluate[string](t, "document.querySelector('[data-status]').textContent") }).Should(Equal("The whole directory was read."))
		Expect(t.text("tbody")).To(And(ContainSubstring("User/"+alice), ContainSubstring("Group/engineers")))
		Expect(evaluate[string](t, `[...document.querySelectorAll("tbody a")].find(a => a.textContent == "User/`+bob+`").pathname`)).To(Equal(directory("users/" + users[bob])))
	})

	It("keeps as many rows in an open page as a reload shows", func(ctx SpecContext) {
		t := browse(ctx, viewer)
		t.goTo(directory("log?since=all"))
		// The page's own script keeps its functions to itself.
		Expect(evaluate[string](t, `(() => {`+logScript()+`
			add([...Array(600).keys()].map((i) => "<tr id='row-" + i + "'><td>" + i + "</td></tr>").join(""));
			return rows.rows.length + ", the newest is " + rows.rows[0].id;
		})()`)).To(Equal("200, the newest is row-599"))
	})
})

// logScript returns the script of the page of the log.
func logScript() string {
	GinkgoHelper()
	script, err := os.ReadFile(filepath.Join("..", "..", "cmd", "kubectl-cloudsso", "console", "pages", "assets", "log.js"))
	Expect(err).NotTo(HaveOccurred())
	return string(script)
}
