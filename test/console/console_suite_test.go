//go:build console

// Package console_test runs kubectl cloudsso console as persons do: as a process, beside a running operator, as a person with the
// project's real roles. It needs a Chromium, and the build tag console ("make test-console").
//
// A spec begins with signIn, which returns a visitor without a browser, or with browse, which returns a tab of one. What takes no
// browser is tested with a visitor, because an answer takes milliseconds, and a tab a second.
package console_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/programs"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// patience is how long a page or the operator may take on a busy machine.
const patience = time.Minute

var (
	environment *quickstart.Environment
	// plugin is the program kubectl-cloudsso.
	plugin string
	// folder has the kubeconfigs of the persons.
	folder string
	// users has the ids of the users of the directory by user name, and engineers is the id of the group that all of them are in.
	users     = map[string]string{}
	engineers string
)

// The users of the directory. Bob is deactivated.
const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
	carol = "carol@example.com"
)

// assignment is the name of the access assignment of the group engineers.
const assignment = "engineers-view"

func TestConsole(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The console")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	folder = GinkgoT().TempDir()
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{
		Dir: GinkgoT().TempDir(), Access: true, Progress: func(step string) { GinkgoWriter.Println(step) },
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	plugin, err = programs.Build(ctx, programs.Options{Root: root, Package: "cmd/kubectl-cloudsso", Dir: folder})
	Expect(err).NotTo(HaveOccurred())
	startBrowser()
	createPersons(ctx)
	fillDirectory(ctx)
}, NodeTimeout(20*time.Minute))

// fillDirectory has the provider create three users and a group, and gives the group access.
func fillDirectory(ctx context.Context) {
	GinkgoHelper()
	members := ""
	for _, name := range []string{alice, bob, carol} {
		users[name] = scim(ctx, http.StatusCreated, "POST", "/Users", fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"displayName":"The user %[1]s","active":true}`, name)).ID()
		members += fmt.Sprintf(`,{"value":%q}`, users[name])
	}
	engineers = scim(ctx, http.StatusCreated, "POST", "/Groups", fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"engineers","members":[%s]}`, members[1:])).ID()
	scim(ctx, http.StatusOK, "PATCH", "/Users/"+users[bob],
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
	a := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: assignment}}
	a.Spec.Principal = v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "engineers"}
	a.Spec.RoleRef = v1alpha1.AccessRoleRef{Kind: "ClusterRole", Name: "view"}
	a.Spec.Target.Namespaces = []string{quickstart.TargetNamespace}
	Expect(environment.Admin.Create(ctx, a)).To(Succeed())
}

// scim sends a request of the identity provider, and expects its status.
func scim(ctx context.Context, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	return scimWith(ctx, environment.Token, status, method, path, body)
}

// scimWith is scim with a token of the caller's.
func scimWith(ctx context.Context, token string, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	c, err := provider.New(environment.BaseURL, token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	defer c.HTTP.CloseIdleConnections()
	response, err := c.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Status).To(Equal(status), response.Raw)
	return response
}

// directory returns the address of a page of the directory, such as directory("users").
func directory(page string) string { return "/directories/" + environment.Namespace + "/" + page }

// writeKubeconfig writes a file into the suite's folder that only its owner reads, and returns its path.
func writeKubeconfig(name string, content []byte) string {
	GinkgoHelper()
	path := filepath.Join(folder, name+".kubeconfig")
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	return path
}
