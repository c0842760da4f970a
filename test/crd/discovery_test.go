package crd

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func inNamespace(name string) client.InNamespace { return client.InNamespace(name) }

func discover() *discovery.DiscoveryClient {
	GinkgoHelper()
	found, err := discovery.NewDiscoveryClientForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	return found
}

// served returns the resources that the API server serves in this project's group.
func served() []metav1.APIResource {
	GinkgoHelper()
	resources, err := discover().ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	if err != nil {
		return nil
	}
	return resources.APIResources
}

var _ = Describe("kubectl", func() {
	It("knows the kinds by short name and category", func() {
		shortNames := map[string]string{}
		for _, resource := range served() {
			if resource.Kind == "" || len(resource.ShortNames) == 0 {
				continue
			}
			Expect(resource.Namespaced).To(BeTrue(), resource.Name)
			if resource.Kind == claimKind { // machinery: "kubectl get cloudsso" leaves it out
				Expect(resource.Categories).To(BeEmpty())
			} else {
				Expect(resource.Categories).To(ConsistOf("cloudsso"), resource.Name)
			}
			Expect(resource.ShortNames).To(HaveLen(1), resource.Name)
			shortNames[resource.Name] = resource.ShortNames[0]
		}
		Expect(shortNames).To(Equal(map[string]string{
			"cloudssoaccessassignments": "ssoaccess",
			"cloudssodirectories":       "ssodir",
			"cloudssousers":             "ssouser",
			"cloudssogroups":            "ssogroup",
			"cloudssomembershipslices":  "ssoslice",
			"cloudssonameclaims":        "ssoclaim",
			"scimcredentials":           "scimcred",
		}))
	})

	It("gets by category every kind but claims", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		var wanted []string
		for _, kind := range kinds {
			Expect(cluster.Create(ctx, object(namespace, kind, least(kind)))).To(Succeed())
			if kind != claimKind {
				wanted = append(wanted, strings.ToLower(kind)+"."+v1alpha1.GroupVersion.Group+"/default")
			}
		}
		Expect(strings.Fields(run("get", "cloudsso", "-n", namespace, "-o", "name"))).To(ConsistOf(wanted))
		Expect(run("get", "ssoclaim", "-n", namespace, "-o", "name")).To(Equal("cloudssonameclaim.cloudsso.dev/default\n"))
	})

	DescribeTable("selects by field, exactly",
		func(ctx SpecContext, kind string, content spec, selector string) {
			namespace := newNamespace(ctx)
			wanted := object(namespace, kind, content)
			Expect(cluster.Create(ctx, wanted)).To(Succeed())
			other := object(namespace, kind, least(kind))
			other.SetName("other")
			Expect(cluster.Create(ctx, other)).To(Succeed())

			Expect(selected(ctx, namespace, kind, selector)).To(ConsistOf(wanted.GetName()))
		},
		Entry("users by userName", "CloudSSOUser", spec{"userName": "Bob@example.com"}, "spec.userName=Bob@example.com"),
		Entry("users by externalId", "CloudSSOUser", leastWith("CloudSSOUser", "externalId", "00u1"), "spec.externalId=00u1"),
		Entry("users by source", "CloudSSOUser", leastWith("CloudSSOUser", "source", "SCIM"), "spec.source=SCIM"),
		Entry("users by displayName", "CloudSSOUser", leastWith("CloudSSOUser", "displayName", "Bob B"), "spec.displayName=Bob B"),
		Entry("groups by displayName", "CloudSSOGroup", spec{"displayName": "Tour Guides"}, "spec.displayName=Tour Guides"),
		Entry("groups by externalId", "CloudSSOGroup", leastWith("CloudSSOGroup", "externalId", "00g1"), "spec.externalId=00g1"),
		Entry("groups by source", "CloudSSOGroup", leastWith("CloudSSOGroup", "source", "SCIM"), "spec.source=SCIM"),
	)

	It("selects without folding case", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(cluster.Create(ctx, object(namespace, "CloudSSOUser", spec{"userName": "Bob@example.com"}))).To(Succeed())
		Expect(selected(ctx, namespace, "CloudSSOUser", "spec.userName=bob@example.com")).To(BeEmpty())
	})
})

// selected returns the names of the objects that a field selector finds.
func selected(ctx context.Context, namespace, kind, selector string) []string {
	GinkgoHelper()
	found := &unstructured.UnstructuredList{}
	found.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	Expect(cluster.List(ctx, found, inNamespace(namespace),
		client.MatchingFieldsSelector{Selector: fields.ParseSelectorOrDie(selector)})).To(Succeed())
	var names []string
	for _, item := range found.Items {
		names = append(names, item.GetName())
	}
	return names
}
