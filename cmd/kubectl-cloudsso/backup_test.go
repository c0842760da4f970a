package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// specsOf returns the specs of a namespace's objects by kind and name, without name claims.
func specsOf(ctx context.Context, inNamespace string) map[string]any {
	GinkgoHelper()
	specs := map[string]any{}
	for _, list := range []client.ObjectList{
		&v1alpha1.CloudSSODirectoryList{}, &v1alpha1.SCIMCredentialList{}, &v1alpha1.CloudSSOUserList{}, &v1alpha1.CloudSSOGroupList{},
		&v1alpha1.CloudSSOMembershipSliceList{}, &v1alpha1.CloudSSOAccessAssignmentList{},
	} {
		Expect(cluster.List(ctx, list, client.InNamespace(inNamespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(item)
			specs[item.GetObjectKind().GroupVersionKind().Kind+" "+item.(client.Object).GetName()] = content["spec"] //nolint:errcheck,forcetypeassert // a panic fails the spec
			return err
		})).To(Succeed())
	}
	return specs
}

var _ = Describe("kubectl cloudsso export and import", func() {
	var file, into string

	BeforeEach(func(ctx SpecContext) {
		create(ctx, &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.SCIMCredentialSpec{Description: "--- not a document: э"}})
		create(ctx, &v1alpha1.CloudSSOMembershipSlice{
			ObjectMeta: metav1.ObjectMeta{Name: "developers-1-a"},
			Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Group: "developers-1", Source: v1alpha1.SourceSCIM, Members: []v1alpha1.Member{{Name: "user-000"}}},
		})
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerSecond: 7, Burst: 70}
			d.Labels = map[string]string{"team": "identity"}
			d.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}"}
		})
		// A value that Go's types leave out, and a text that could be taken for the end of a document.
		change := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspended":false,"addresses":[{"formatted":"line one\n--- not a document\n\tэ"}]}}`))
		Expect(cluster.Patch(ctx, &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "user-001"}}, change)).To(Succeed())
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "restored-"}}
		Expect(cluster.Create(ctx, ns)).To(Succeed())
		into = ns.Name
		DeferCleanup(func(ctx SpecContext) { // other specs list all namespaces
			for _, kind := range []client.Object{
				&v1alpha1.CloudSSODirectory{}, &v1alpha1.SCIMCredential{}, &v1alpha1.CloudSSOUser{}, &v1alpha1.CloudSSOGroup{},
				&v1alpha1.CloudSSOMembershipSlice{}, &v1alpha1.CloudSSOAccessAssignment{},
			} {
				Expect(cluster.DeleteAllOf(ctx, kind, client.InNamespace(into))).To(Succeed())
			}
		})
		out, stderr, err := runAt(ctx, nil, kubeconfig, "export")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(Equal("namespace default: 506 objects exported\n"))
		file = filepath.Join(GinkgoT().TempDir(), "backup.yaml")
		Expect(os.WriteFile(file, []byte(out), 0o600)).To(Succeed())
	})

	It("restore every object, and a second time none", func(ctx SpecContext) {
		out, stderr, err := runAt(ctx, []string{"y\n"}, kubeconfig, "import", "-n", into, "-f", file)
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(And(ContainSubstring("They come from namespace default"), ContainSubstring("cloudsso.dev/activate=")))
		want := specsOf(ctx, namespace)
		assignment, isAssignment := want["CloudSSOAccessAssignment view"].(map[string]any)
		Expect(isAssignment).To(BeTrue())
		assignment["mode"] = "Preview" // in another namespace
		Expect(specsOf(ctx, into)).To(Equal(want))
		Expect(out).To(HavePrefix("namespace " + into + ": 506 objects created, 0 were there already, 0 failed\n"))
		Expect(want).To(HaveLen(506))
		d := &v1alpha1.CloudSSODirectory{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: into, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
		Expect(d.Labels).To(HaveKeyWithValue("team", "identity"))
		Expect(d.Annotations).To(And(HaveKey(v1alpha1.AnnotationRestored), Not(HaveKey(corev1.LastAppliedConfigAnnotation))))

		out, _, err = runAt(ctx, nil, kubeconfig, "import", "-n", into, "-f", file, "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(HavePrefix("namespace " + into + ": 0 objects created, 506 were there already, 0 failed\n"))
	})

	It("show at a terminal how much is done", func(ctx SpecContext) {
		seen := func(p *plugin.Plugin) { p.ShowsProgress = true }
		_, stderr, err := runWith(ctx, seen, kubeconfig, "export")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(And(ContainSubstring("exporting 506 objects   0% |"), MatchRegexp(` 50% \|`), HaveSuffix("\nnamespace default: 506 objects exported\n")))
		Expect(stderr[strings.LastIndex(stderr, "\r"):]).To(ContainSubstring(" 100% |"))

		Expect(cluster.Create(ctx, &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: into, Name: "user-007"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "james"},
		})).To(Succeed())
		_, stderr, err = runWith(ctx, seen, kubeconfig, "import", "-n", into, "-f", file, "--yes")
		Expect(err).To(HaveOccurred())
		Expect(stderr).To(And(ContainSubstring("importing 506 objects   0% |"), MatchRegexp(`\rCloudSSOUser user-007: it is there already.*\n`), HaveSuffix("\n")))
		Expect(stderr[strings.LastIndex(stderr, "\r"):]).To(ContainSubstring(" 100% |"))
	})

	It("change no object that is there, and name it", func(ctx SpecContext) {
		Expect(cluster.Create(ctx, &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: into, Name: "user-007"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "james"},
		})).To(Succeed())
		_, stderr, err := runAt(ctx, nil, kubeconfig, "import", "-n", into, "-f", file, "--yes")
		Expect(err).To(MatchError(And(ContainSubstring("0 objects were refused, and 1 are in the namespace in another form"),
			ContainSubstring("cannot be deleted: kubectl cloudsso sync disable -n "+into+", and before the command kubectl cloudsso sync enable -n "+into))))
		Expect(stderr).To(HavePrefix("CloudSSOUser user-007: it is there already, with another spec: nothing was changed\nBefore you activate the directory:\n"))
		u := &v1alpha1.CloudSSOUser{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: into, Name: "user-007"}, u)).To(Succeed())
		Expect(u.Spec.UserName).To(Equal("james"))
		Expect(specsOf(ctx, into)).To(HaveLen(506))
	})

	It("do not take an object that is being deleted for one that is there", func(ctx SpecContext) {
		going := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: into, Name: "user-007", Finalizers: []string{"example.com/hold"}}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "James"}}
		Expect(cluster.Create(ctx, going)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			going.Finalizers = nil
			Expect(cluster.Update(ctx, going)).To(Succeed())
		})
		Expect(cluster.Delete(ctx, going)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(going), going)).To(Succeed())
		_, stderr, err := runAt(ctx, nil, kubeconfig, "import", "-n", into, "-f", file, "--yes")
		Expect(err).To(HaveOccurred())
		Expect(stderr).To(HavePrefix("CloudSSOUser user-007: it is being deleted\n"))
	})

	It("refuse the file of another directory", func(ctx SpecContext) {
		Expect(cluster.Create(ctx, &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{
			Namespace: into, Name: v1alpha1.DirectoryName, Annotations: map[string]string{v1alpha1.AnnotationRestored: ""},
		}})).To(Succeed())
		_, err := run(ctx, kubeconfig, "import", "-n", into, "-f", file, "--yes")
		Expect(err).To(MatchError("CloudSSODirectory default: it is there already, with another spec: nothing was changed"))
		Expect(specsOf(ctx, into)).To(HaveLen(1))
	})

	It("need a file", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "import", "-n", into, "--yes")
		Expect(err).To(MatchError("kubectl cloudsso import needs the file of an export: give it with -f, or -f - for the standard input"))
	})

	It("need a namespace that is there", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "import", "-n", "nowhere", "-f", file, "--yes")
		Expect(err).To(MatchError(HaveSuffix(`namespaces "nowhere" not found; create the namespace first: kubectl create namespace nowhere`)))
	})

	It("refuse a namespace whose directory is in use", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "import", "-f", file, "--yes")
		Expect(err).To(MatchError(And(ContainSubstring("namespace default has a CloudSSODirectory that is in use"), ContainSubstring("kubectl cloudsso sync disable -n default"),
			ContainSubstring("takes back what its access assignments have granted"))))
	})

	It("refuse a file that is not of an export, at the document that says so", func(ctx SpecContext) {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		head, _, _ := strings.Cut(string(content), "kind: SCIMCredential")
		head = head[:strings.LastIndex(head, "---")]
		whole := head + "---\n# end of export: 1 objects\n"
		for text, message := range map[string]string{
			"":            "the file is empty",
			"# nothing\n": "the file is empty",
			"kind: CloudSSOUser\napiVersion: cloudsso.dev/v1alpha1\n":                  "object 1 of the file: it is a CloudSSOUser",
			"kind: CloudSSODirectory\napiVersion: cloudsso.dev/v1alpha1\n":             "the annotation cloudsso.dev/restored",
			head + "---\nkind: Secret\napiVersion: v1\n":                               `object 2 of the file: it is a Secret of "v1"`,
			head + "---\nkind: CloudSSONameClaim\napiVersion: cloudsso.dev/v1alpha1\n": "object 2 of the file: it is a CloudSSONameClaim",
			head + head[strings.Index(head, "---"):]:                                   "object 2 of the file: ",
			head + "---\nkind: [\n":                                                    "object 2 of the file is no manifest of Kubernetes: ",
			head + "---\napiVersion: cloudsso.dev/v1alpha1\n":                          "give a file of kubectl cloudsso export: Object 'Kind' is missing",
			"cssoscim_acme_token\n":                                                    "object 1 of the file is no manifest of Kubernetes: give a file of kubectl cloudsso export",
			head:                                                                       "the file ends after 1 objects without the last line of an export: it was cut off",
			string(content[:len(content)/2]):                                           "",
			strings.Replace(whole, "1 objects", "2 objects", 1):                        "it was cut off",
		} {
			Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
			_, err := run(ctx, kubeconfig, "import", "-n", into, "-f", file, "--yes")
			Expect(err).To(MatchError(ContainSubstring(message)), text)
			Expect(specsOf(ctx, into)).To(BeEmpty(), "nothing is created")
		}
	})

	It("give up when the same reason stands in the way of every object", func(ctx SpecContext) {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(file, []byte(strings.ReplaceAll(string(content), "\n  userName:", "\n  nickName:")), 0o600)).To(Succeed())
		_, stderr, err := runWith(ctx, func(p *plugin.Plugin) { p.ShowsProgress = true }, kubeconfig, "import", "-n", into, "-f", file, "--yes")
		Expect(err).To(MatchError(MatchRegexp(`the import ended after \d\d objects had been refused`)))
		Expect(strings.Count(stderr, "spec.userName: Required value")).To(BeNumerically(">=", 20), "the reasons that wait for the bar")
		Expect(strings.Count(stderr, "\n")).To(BeNumerically("<", 100))
	})
})
