package commands_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

// pageTimeout is how long the commands of one page may take: some seconds on an idle machine.
const pageTimeout = 5 * time.Minute

const docs = "../../docs"

// page is a document with commands to run.
type page struct {
	path   string // such as reference/scimcredential.md
	blocks []markdown.Block
}

// pages returns the documents that have a block marked run, by their paths.
func pages() (all []page) {
	byPath, err := markdown.BlocksByPage(docs)
	if err != nil {
		panic(err) // before the suite begins
	}
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		if p := (page{path, byPath[path]}); p.script() != "" {
			all = append(all, p)
		}
	}
	return all
}

// script returns the blocks of the page that are marked run, in their order: a person enters them into one shell.
func (p page) script() string {
	var script strings.Builder
	for _, block := range p.blocks {
		if block.IsCommands() && block.Mark == "run" {
			script.WriteString(block.Text)
		}
	}
	return script.String()
}

// namespace returns that of the page's directory, in place of acme, so that no page sees what another one has done.
func (p page) namespace() string {
	return "acme-" + strings.ReplaceAll(strings.TrimSuffix(p.path, ".md"), "/", "-")
}

// acme matches the namespace of the documents.
var acme = regexp.MustCompile(`\bacme\b`)

var _ = Describe("The commands of", func() {
	all := pages()
	It("pages are found", func() { Expect(len(all)).To(BeNumerically(">=", 20)) })
	for _, p := range all {
		It("docs/"+p.path+" succeed, one after another", func(ctx SpecContext) {
			script := acme.ReplaceAllString(p.script(), p.namespace())
			if !strings.Contains(script, "create namespace "+p.namespace()) {
				newDirectory(ctx, p.namespace())
			}
			p.writeManifests(script)
			shell := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", script)
			shell.Dir, shell.Env = folder, variables
			output, err := shell.CombinedOutput()
			GinkgoWriter.Printf("%s\n", output)
			Expect(err).NotTo(HaveOccurred(), "%s", output)
		}, NodeTimeout(pageTimeout))
	}
})

// writeManifests writes the files that the commands apply: NAME.yaml is the example of the page that has this name.
func (p page) writeManifests(script string) {
	GinkgoHelper()
	for _, block := range p.blocks {
		var o metav1.PartialObjectMetadata
		if block.Language != "yaml" || yaml.Unmarshal([]byte(block.Text), &o) != nil || !strings.Contains(script, "-f "+o.Name+".yaml") {
			continue
		}
		Expect(os.WriteFile(filepath.Join(folder, o.Name+".yaml"), []byte(block.Text), 0o600)).To(Succeed())
	}
}

// newDirectory makes the directory that the documents speak of: with Alice, Ada, the group Developers, and a credential.
func newDirectory(ctx context.Context, namespace string) {
	GinkgoHelper()
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	user := func(name, userName string) client.Object {
		return &v1alpha1.CloudSSOUser{ObjectMeta: named(name), Spec: v1alpha1.CloudSSOUserSpec{
			Source: v1alpha1.SourceSCIM, UserName: userName, ExternalID: name,
		}}
	}
	const alice, ada = "alice-example-com-x7k2p", "ada-example-com-x7k2p"
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		user(alice, "alice@example.com"), user(ada, "Ada@example.com"),
		&v1alpha1.CloudSSOGroup{ObjectMeta: named("developers-7xk2p"), Spec: v1alpha1.CloudSSOGroupSpec{
			Source: v1alpha1.SourceSCIM, DisplayName: "Developers", Members: []v1alpha1.Member{{Name: alice}, {Name: ada}},
		}},
		&v1alpha1.CloudSSODirectory{ObjectMeta: named(v1alpha1.DirectoryName), Spec: v1alpha1.CloudSSODirectorySpec{
			SCIMSynchronization: v1alpha1.SynchronizationEnabled,
		}},
		&v1alpha1.SCIMCredential{ObjectMeta: named("okta")},
	} {
		Expect(environment.Admin.Create(ctx, o)).To(Succeed())
	}
	Expect(quickstart.AwaitActivation(ctx, environment.Admin, namespace)).To(Succeed())
	Expect(quickstart.Token(ctx, environment.Admin, namespace, "okta")).NotTo(BeEmpty())
	Eventually(func() (int, error) {
		var claims v1alpha1.CloudSSONameClaimList
		err := environment.Admin.List(ctx, &claims, client.InNamespace(namespace))
		return len(claims.Items), err
	}).Should(Equal(3), "names that are claimed")
}
