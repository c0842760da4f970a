package crd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// kinds are the kinds of the API.
var kinds = append([]string{"CloudSSOMembershipSlice", claimKind}, kindsWithStatus...)

// kindsWithStatus leaves out slices and claims, which are parts of groups and users.
var kindsWithStatus = []string{"CloudSSODirectory", "CloudSSOUser", "CloudSSOGroup", "SCIMCredential", assignmentKind}

const (
	claimKind      = "CloudSSONameClaim"
	assignmentKind = "CloudSSOAccessAssignment"
)

// plural returns the name of a kind in URLs: cloudssodirectories, cloudssousers.
func plural(kind string) string {
	singular := strings.ToLower(kind)
	if stem, ends := strings.CutSuffix(singular, "y"); ends {
		return stem + "ies"
	}
	return singular + "s"
}

// kindSchema returns the schema of a kind as the API server serves it.
func kindSchema(ctx context.Context, kind string) apiextensionsv1.JSONSchemaProps {
	GinkgoHelper()
	var definition apiextensionsv1.CustomResourceDefinition
	name := plural(kind) + "." + v1alpha1.GroupVersion.Group
	Expect(cluster.Get(ctx, client.ObjectKey{Name: name}, &definition)).To(Succeed())
	Expect(definition.Spec.Versions).To(HaveLen(1))
	return *definition.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// field is one field of a schema.
type field struct {
	path   string // "spec.emails[].value"
	schema apiextensionsv1.JSONSchemaProps
}

// walk visits the fields of spec and status. It leaves out the fields of conditions, which Kubernetes defines.
func walk(schema apiextensionsv1.JSONSchemaProps, path string, visit func(field)) {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if path == "" && name != "spec" && name != "status" {
			continue
		}
		child := field{strings.TrimPrefix(path+"."+name, "."), schema.Properties[name]}
		if path != "" {
			visit(child)
		}
		if name == "conditions" {
			continue
		}
		walk(child.schema, child.path, visit)
		if child.schema.Items != nil {
			walk(*child.schema.Items.Schema, child.path+"[]", visit)
		}
	}
}

// unsetFields lists the fields of a schema that a value leaves out. Of a list its first value counts.
func unsetFields(schema apiextensionsv1.JSONSchemaProps, value any, path string) []string {
	switch value := value.(type) {
	case nil:
		return []string{path}
	case []any:
		if len(value) == 0 {
			return []string{path}
		}
		return unsetFields(*schema.Items.Schema, value[0], path+"[]")
	case map[string]any:
		var unset []string
		for name, child := range schema.Properties {
			unset = append(unset, unsetFields(child, value[name], path+"."+name)...)
		}
		return unset
	}
	return nil
}

// isBounded reports whether a field has a limit.
func isBounded(schema apiextensionsv1.JSONSchemaProps) bool {
	switch schema.Type {
	case "string":
		return schema.MaxLength != nil || len(schema.Enum) > 0 || schema.Format == "date-time"
	case "array":
		return schema.MaxItems != nil
	case "integer":
		return schema.Minimum != nil && schema.Format != ""
	case "boolean", "object":
		return true
	}
	return false
}

var _ = Describe("The schema", func() {
	for _, kind := range kinds {
		It("explains and bounds every field of "+kind, func(ctx SpecContext) {
			count := 0
			walk(kindSchema(ctx, kind), "", func(field field) {
				count++
				Expect(field.schema.Description).NotTo(BeEmpty(), field.path)
				Expect(isBounded(field.schema)).To(BeTrue(), fmt.Sprintf("%s: a %s without bound", field.path, field.schema.Type))
			})
			Expect(count).NotTo(BeZero())
		})
	}

	It("bounds the members of a group where the Go constant says", func(ctx SpecContext) {
		members := kindSchema(ctx, "CloudSSOGroup").Properties["spec"].Properties["members"]
		Expect(members.MaxItems).To(HaveValue(BeEquivalentTo(v1alpha1.MaxMembers)))
	})
})
