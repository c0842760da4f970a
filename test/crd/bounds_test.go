package crd

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// spec is the spec of an object under test.
type spec = map[string]any

// least returns the smallest spec of a kind that is accepted.
func least(kind string) spec {
	switch kind {
	case "CloudSSOUser":
		return spec{"userName": "ada@example.com"}
	case "CloudSSOGroup":
		return spec{"displayName": "Platform Admins"}
	case "CloudSSOMembershipSlice":
		return spec{"group": "platform-admins"}
	case assignmentKind:
		return spec{
			"principal": spec{"kind": "CloudSSOGroup", "displayName": "Platform Admins"},
			"roleRef":   spec{"kind": "ClusterRole", "name": "view"},
			"target":    spec{"cluster": true},
		}
	case claimKind:
		return spec{"kind": "CloudSSOUser", "name": "ada@example.com", "holder": "ada-x7k2p", "acquiredAt": "2026-11-02T09:00:00.000000Z"}
	}
	return spec{}
}

// object returns an object of a kind with the given spec. Its name is "default", as a directory's must be.
func object(namespace, kind string, content spec) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: map[string]any{"spec": content}}
	made.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	made.SetNamespace(namespace)
	made.SetName(v1alpha1.DirectoryName)
	return made
}

// try creates an object in a dry run, which leaves nothing behind.
func try(ctx context.Context, kind string, content spec) error {
	return cluster.Create(ctx, object("default", kind, content), client.DryRunAll)
}

// leastWith returns the least spec of a kind with a value at a path: "emails[].value".
func leastWith(kind, path string, value any) spec {
	content := least(kind)
	for name, placed := range place(strings.Split(path, "."), value) {
		content[name] = placed
	}
	return content
}

func place(path []string, value any) map[string]any {
	if len(path) > 1 {
		value = place(path[1:], value)
	}
	if name, isList := strings.CutSuffix(path[0], "[]"); isList {
		return map[string]any{name: []any{value}}
	}
	return map[string]any{path[0]: value}
}

// characters returns a text of n characters and 3n bytes: bounds count characters.
func characters(n int) string { return strings.Repeat("語", n) }

var _ = Describe("Lengths", func() {
	ordinary := func(kind string, limit int, paths ...string) {
		for _, path := range paths {
			It(fmt.Sprintf("%s.%s holds %d characters and no more", kind, path, limit), func(ctx SpecContext) {
				Expect(try(ctx, kind, leastWith(kind, path, characters(limit)))).To(Succeed())
				Expect(try(ctx, kind, leastWith(kind, path, characters(limit+1)))).
					To(MatchError(And(ContainSubstring("spec."+shown(path)), ContainSubstring("Too long"))))
			})
		}
	}
	ordinary("CloudSSOUser", 256, "userName", "externalId", "displayName")
	ordinary("CloudSSOUser", 1024,
		"nickName", "title", "userType", "preferredLanguage", "locale", "timezone",
		"name.formatted", "name.familyName", "name.givenName", "name.middleName", "name.honorificPrefix", "name.honorificSuffix",
		"addresses[].streetAddress", "addresses[].locality", "addresses[].region", "addresses[].postalCode", "addresses[].country", "addresses[].type",
		"x509Certificates[].display", "x509Certificates[].type",
		"enterprise.employeeNumber", "enterprise.costCenter", "enterprise.organization", "enterprise.division", "enterprise.department",
		"enterprise.manager.value", "enterprise.manager.displayName")
	ordinary("CloudSSOUser", 2048, "profileUrl", "enterprise.manager.$ref")
	ordinary("CloudSSOUser", 4096, "addresses[].formatted")
	ordinary("CloudSSOUser", 65536, "x509Certificates[].value")
	for _, list := range []string{"emails", "phoneNumbers", "ims", "photos", "entitlements", "roles"} {
		ordinary("CloudSSOUser", 8192, list+"[].value")
		ordinary("CloudSSOUser", 1024, list+"[].display", list+"[].type")
	}
	ordinary("CloudSSOGroup", 256, "displayName", "externalId")
	ordinary("SCIMCredential", 1024, "description")
	ordinary(claimKind, 4608, "name")
	ordinary(claimKind, 253, "holder")

	It("CloudSSOGroup.members[].name holds 253 characters and no more", func(ctx SpecContext) {
		name := strings.Repeat("a", 253)
		Expect(try(ctx, "CloudSSOGroup", leastWith("CloudSSOGroup", "members[].name", name))).To(Succeed())
		Expect(try(ctx, "CloudSSOGroup", leastWith("CloudSSOGroup", "members[].name", name+"a"))).
			To(MatchError(And(ContainSubstring("spec.members[0].name"), ContainSubstring("Too long"))))
	})

	for _, list := range userLists {
		It(fmt.Sprintf("CloudSSOUser.%s holds 100 values and no more", list), func(ctx SpecContext) {
			Expect(try(ctx, "CloudSSOUser", leastWith("CloudSSOUser", list, values(100, "type", "work")))).To(Succeed())
			Expect(try(ctx, "CloudSSOUser", leastWith("CloudSSOUser", list, values(101, "type", "work")))).
				To(MatchError(And(ContainSubstring("spec."+list), ContainSubstring("Too many: 101: must have at most 100 items"))))
		})
	}

	for _, field := range []string{"rateLimit.requestsPerSecond", "rateLimit.burst"} {
		It(fmt.Sprintf("CloudSSODirectory.%s is 1 to 1,000,000", field), func(ctx SpecContext) {
			const limit int64 = 1_000_000
			for _, value := range []int64{1, limit} {
				Expect(try(ctx, "CloudSSODirectory", leastWith("CloudSSODirectory", field, value))).To(Succeed())
			}
			for _, value := range []int64{0, limit + 1} {
				Expect(try(ctx, "CloudSSODirectory", leastWith("CloudSSODirectory", field, value))).
					To(MatchError(And(ContainSubstring("spec."+field), ContainSubstring("should be"))))
			}
		})
	}

	for field, bounds := range map[string][2]int64{"count": {1, 100_000}, "percent": {1, 99}} {
		It(fmt.Sprintf("CloudSSODirectory.disablementBudget.%s is %d to %d", field, bounds[0], bounds[1]), func(ctx SpecContext) {
			budget := func(value int64) spec {
				return spec{"disablementBudget": map[string]any{field: value, "window": "1h"}}
			}
			for _, value := range bounds {
				Expect(try(ctx, "CloudSSODirectory", budget(value))).To(Succeed())
			}
			for _, value := range []int64{bounds[0] - 1, bounds[1] + 1} {
				Expect(try(ctx, "CloudSSODirectory", budget(value))).
					To(MatchError(And(ContainSubstring("spec.disablementBudget."+field), ContainSubstring("should be"))))
			}
		})
	}

	It("CloudSSOGroup.members holds 1000 of the longest names, each once, and no more", func(ctx SpecContext) {
		Expect(try(ctx, "CloudSSOGroup", leastWith("CloudSSOGroup", "members", longestMembers(1000)))).To(Succeed())
		Expect(try(ctx, "CloudSSOGroup", leastWith("CloudSSOGroup", "members", longestMembers(1001)))).
			To(MatchError(ContainSubstring("Too many: 1001: must have at most 1000 items")))
	})
})

// userLists are the multi-valued attributes of a user.
var userLists = []string{"emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"}

// shown returns a path as the API server writes it: "emails[0].value".
func shown(path string) string { return strings.ReplaceAll(path, "[]", "[0]") }

// values returns a list of n equal values with one field each.
func values(n int, name string, value any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{name: value}
	}
	return list
}

// longestMembers returns a list of n different members whose names have 253 characters.
func longestMembers(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"name": fmt.Sprintf("%0253d", i)}
	}
	return list
}
