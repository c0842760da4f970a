package crd

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("The samples", func() {
	for _, path := range sampleFiles() {
		It("apply: "+filepath.Base(path), func(ctx SpecContext) {
			namespace := newNamespace(ctx)
			objects := manifestFile(path)
			Expect(objects).NotTo(BeEmpty())
			for _, object := range objects {
				Expect(object.GetNamespace()).To(BeEmpty(), "samples are applied with -n")
				Expect(apply(ctx, namespace, object)).To(Succeed())
			}
		})
	}

	It("apply together, as the kustomization", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		run("apply", "--validate=strict", "-n", namespace, "-k", samplesFolder)
		const start = "cloudssodirectory.cloudsso.dev/default\nscimcredential.cloudsso.dev/okta\n"
		Expect(run("get", "cloudsso", "-n", namespace, "-o", "name")).To(Equal(start))
		run("apply", "--validate=strict", "-n", namespace, "-k", demoFolder)
		Expect(run("get", "cloudsso", "-n", namespace, "-o", "name")).To(Equal(`cloudssodirectory.cloudsso.dev/default
cloudssogroup.cloudsso.dev/platform-admins
cloudssouser.cloudsso.dev/ada-lovelace
cloudssouser.cloudsso.dev/barbara-jensen
scimcredential.cloudsso.dev/okta
`))
		run("apply", "--validate=strict", "-n", namespace, "-k", demoFolder)
	})

	It("show every field that a person may set on a user", func(ctx SpecContext) {
		sample := manifestFile(demoFolder + "/cloudssouser_full.yaml")[0]
		schema := kindSchema(ctx, "CloudSSOUser").Properties["spec"]
		Expect(unsetFields(schema, sample.Object["spec"], "spec")).To(ConsistOf("spec.deprovisionedAt", "spec.withheld"))
	})

	It("grant nothing to a real person", func() {
		names := []string{}
		for _, path := range sampleFiles() {
			for _, object := range manifestFile(path) {
				if object.GetKind() == "CloudSSOAccessAssignment" {
					names = append(names, object.GetName())
					Expect(object.Object["spec"]).To(HaveKeyWithValue("mode", string(v1alpha1.AccessPreview)), path)
				}
			}
		}
		Expect(names).To(ConsistOf("platform-admins-view", "ada-edit", "developers-view", "on-call-edit"))
	})

	It("leave room in the quota of credentials", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		run("apply", "-n", namespace, "-k", samplesFolder)
		var credentials v1alpha1.SCIMCredentialList
		Expect(cluster.List(ctx, &credentials, inNamespace(namespace))).To(Succeed())
		Expect(len(credentials.Items)).To(BeNumerically("<=", v1alpha1.MaxCredentials))
	})
})

// sampleFiles returns the files in config/samples and config/demo that have objects.
func sampleFiles() (files []string) {
	for _, folder := range []string{samplesFolder, demoFolder} {
		all, err := filepath.Glob(folder + "/*.yaml")
		if err != nil {
			panic(err)
		}
		for _, path := range all {
			if !strings.HasSuffix(path, "kustomization.yaml") {
				files = append(files, path)
			}
		}
	}
	return files
}
