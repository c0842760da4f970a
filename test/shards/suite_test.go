// Package shards_test runs two operators on one control plane, each for some namespaces and in processes of its own.
// north serves acme with access, and is the operator that was installed first. south serves globex and initech from a namespace of
// its own, with two replicas and with no right in other namespaces. config/shard and config/default/shards.yaml install
// it.
package shards_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	acme, globex, initech = "acme", "globex", "initech"
	// southNamespace is where the second operator is.
	southNamespace = "cloudsso-south"
)

var (
	environment  *quickstart.Environment
	north        *quickstart.Manager
	south        [2]*quickstart.Manager // its replicas
	tokens       = map[string]string{}
	southOptions = []string{"--shard=south", "--namespaces=globex,initech", "--operator-namespace=" + southNamespace}
)

func TestShards(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Operators for some namespaces")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{
		Dir: GinkgoT().TempDir(), Race: true, PlainHTTP: true, Namespace: acme, Access: true, Flags: []string{"--shard=north", "--namespaces=" + acme},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	north, tokens[acme] = environment.Manager, environment.Token

	for _, namespace := range []string{southNamespace, globex, initech} {
		Expect(environment.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	}
	installSouth(ctx)
	identity, err := environment.ControlPlane.ServiceAccount(ctx, southNamespace, controlplane.OperatorServiceAccount)
	Expect(err).NotTo(HaveOccurred())
	for i := range south {
		south[i], err = environment.AddOperator(ctx, identity, southOptions...)
		Expect(err).NotTo(HaveOccurred())
	}
	for _, namespace := range []string{globex, initech} {
		tokens[namespace] = newDirectory(ctx, namespace)
		awaitPolicies(ctx, identity, namespace)
	}
}, NodeTimeout(5*time.Minute))

// installSouth creates what config/shard has, but for the Deployment, and names the shard in the policies.
func installSouth(ctx context.Context) {
	GinkgoHelper()
	for _, file := range []string{"rbac/service_account.yaml", "rbac/leader_election.yaml", "shard/bindings/named/bindings.yaml"} {
		content := bytes.ReplaceAll(configFile(file), []byte(controlplane.SystemNamespace), []byte(southNamespace))
		for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1); ; {
			o := &unstructured.Unstructured{}
			err := decoder.Decode(o)
			if errors.Is(err, io.EOF) {
				break
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(environment.Admin.Create(ctx, o)).To(Succeed())
		}
	}
	patch, err := k8syaml.YAMLToJSON(configFile("default/shards.yaml"))
	Expect(err).NotTo(HaveOccurred())
	target := shardsTarget()
	var policies admissionv1.ValidatingAdmissionPolicyList
	Expect(environment.Admin.List(ctx, &policies)).To(Succeed())
	for _, policy := range policies.Items {
		if target.MatchString(policy.Name) {
			Expect(environment.Admin.Patch(ctx, &policy, client.RawPatch(types.JSONPatchType, patch))).To(Succeed())
			Expect(policy.Spec.Variables[1].Name).To(Equal("shards"))
		}
	}
}

// shardsTarget returns the names of the policies to which config/default applies shards.yaml. kustomize takes the name of a
// target as a regular expression that matches the whole name.
func shardsTarget() *regexp.Regexp {
	GinkgoHelper()
	target := regexp.MustCompile(`target: {kind: ValidatingAdmissionPolicy, name: (.*)}`).FindSubmatch(configFile("default/kustomization.yaml"))
	Expect(target).To(HaveLen(2))
	return regexp.MustCompile("^(" + string(target[1]) + ")$")
}

// awaitPolicies waits until the changed policies are in force, which takes the API server a moment.
func awaitPolicies(ctx context.Context, identity *rest.Config, namespace string) {
	GinkgoHelper()
	c, err := client.New(identity, client.Options{Scheme: environment.Admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	Eventually(func() error {
		return c.Create(ctx, &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "probe"},
		}, client.DryRunAll)
	}).Should(Succeed())
}

func configFile(name string) []byte {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(filepath.Join(root, "config", filepath.FromSlash(name)))
	Expect(err).NotTo(HaveOccurred())
	return content
}

// newDirectory creates a directory that is synchronized, and returns the token that its operator minted.
func newDirectory(ctx context.Context, namespace string) (token string) {
	GinkgoHelper()
	createDirectory(ctx, namespace)
	Expect(environment.Admin.Create(ctx, &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: quickstart.CredentialName}})).To(Succeed())
	token, err := quickstart.Token(ctx, environment.Admin, namespace, quickstart.CredentialName)
	Expect(err).NotTo(HaveOccurred())
	return token
}

func createDirectory(ctx context.Context, namespace string) {
	GinkgoHelper()
	Expect(environment.Admin.Create(ctx, &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	})).To(Succeed())
}

// clientOf returns a client of one replica with the credential of a directory.
func clientOf(m *quickstart.Manager, namespace string) *load.Client {
	GinkgoHelper()
	c, err := load.NewClient(load.Options{BaseURL: m.URL, Token: tokens[namespace], Connections: 4})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// status returns the HTTP status of an answer.
func status(answer *load.Answer, err error) int {
	GinkgoHelper()
	var refusal *load.Refusal
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	Expect(err).NotTo(HaveOccurred())
	return answer.Status
}
