package crd

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

const (
	// escaped is the number of bytes that the API server stores of a character, at most: of "<" and of control characters
	// six, of any other four.
	escaped = 6
	// etcdLimit is the largest request that etcd takes, in bytes.
	etcdLimit = 1536 << 10
)

// What config/policy/metadata.yaml admits in the metadata and status of an object, in bytes as they are stored.
const (
	metadataBytes = escaped*(8<<10) + 4*32*100    // labels, annotations, finalizers, owner references, and the names of their fields
	appliedBytes  = escaped * (64 << 10)          // kubectl's copy of the object
	managedBytes  = escaped*(16<<10) + 32*200     // managedFields, and the names of their fields
	statusBytes   = 16 * (escaped*(1<<10) + 2048) // conditions
)

// heaviest returns the largest number of bytes that a value of a schema takes in etcd. The characters of a user's
// multi-valued attributes are counted by sharedCharacters.
func heaviest(schema apiextensionsv1.JSONSchemaProps) int {
	switch schema.Type {
	case "string":
		return heaviestText(schema)
	case "array":
		return 2 + int(*schema.MaxItems)*(1+heaviest(*schema.Items.Schema))
	case "object":
		sum := 2
		for name, field := range schema.Properties {
			sum += len(name) + 4 + heaviest(field)
		}
		return sum
	}
	return 20 // a number or a boolean
}

func heaviestText(schema apiextensionsv1.JSONSchemaProps) int {
	if schema.MaxLength == nil {
		return 64 // a word of an enumeration, or a time
	}
	for _, rule := range schema.XValidations {
		if strings.Contains(rule.Rule, "dns1123Subdomain") {
			return int(*schema.MaxLength) // letters and digits
		}
	}
	return escaped * int(*schema.MaxLength)
}

// multiValued matches the bound of the characters of all multi-valued attributes together.
var multiValued = regexp.MustCompile(`x509Certificates.* <= (\d+)$`)

// sharedCharacters returns the bound of the characters of all multi-valued attributes of a spec together; 0 for none.
func sharedCharacters(spec apiextensionsv1.JSONSchemaProps) int {
	for _, rule := range spec.XValidations {
		if found := multiValued.FindStringSubmatch(rule.Rule); found != nil {
			characters, err := strconv.Atoi(found[1])
			Expect(err).NotTo(HaveOccurred())
			return characters
		}
	}
	return 0
}

// withoutText returns a schema of a list with empty texts.
func withoutText(schema apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	schema = *schema.DeepCopy()
	for name, field := range schema.Items.Schema.Properties {
		if field.Type == "string" {
			field.MaxLength = new(int64)
			schema.Items.Schema.Properties[name] = field
		}
	}
	return schema
}

// heaviestSpec returns the largest number of bytes that the spec of a kind takes in etcd.
func heaviestSpec(ctx context.Context, kind string) int {
	GinkgoHelper()
	spec := kindSchema(ctx, kind).Properties["spec"]
	characters := sharedCharacters(spec)
	sum := escaped * characters
	for name, field := range spec.Properties {
		if characters > 0 && field.Type == "array" {
			field = withoutText(field)
		}
		sum += len(name) + 4 + heaviest(field)
	}
	return sum
}

var _ = Describe("Weight", func() {
	It("leaves room in etcd for all that admission permits", func(ctx SpecContext) {
		// The table in docs/limits.md.
		for kind, documented := range map[string]int{"CloudSSOUser": 640_000, "CloudSSOGroup": 272_000, "CloudSSOMembershipSlice": 272_000} {
			weight := heaviestSpec(ctx, kind)
			Expect(weight).To(And(BeNumerically("<=", documented), BeNumerically(">", documented*9/10)), kind)
			Expect(weight+metadataBytes+appliedBytes+managedBytes+statusBytes).To(BeNumerically("<", etcdLimit*85/100), kind)
		}
	})

	It("permits every resource that the SCIM service stores", func(ctx SpecContext) {
		Expect(sharedCharacters(kindSchema(ctx, "CloudSSOUser").Properties["spec"])).To(Equal(limits.Resource))
	})

	It("of the multi-valued attributes of a user is 65536 characters together and no more", func(ctx SpecContext) {
		content := least("CloudSSOUser")
		for i, list := range userLists {
			length := 8192
			value := map[string]any{"value": strings.Repeat("<", length)}
			if list == "addresses" {
				value = map[string]any{"formatted": strings.Repeat("<", 4096), "streetAddress": strings.Repeat("<", 1024), "locality": strings.Repeat("<", 1024), "region": strings.Repeat("<", 1024), "postalCode": strings.Repeat("<", 1024-i), "country": strings.Repeat("<", i)}
			}
			content[list] = []any{value}
		}
		Expect(try(ctx, "CloudSSOUser", content)).To(Succeed())
		content["roles"] = []any{map[string]any{"value": strings.Repeat("<", 8192), "type": "x"}}
		Expect(try(ctx, "CloudSSOUser", content)).To(MatchError(ContainSubstring("have at most 65536 characters together: remove or shorten some of their values")))
	})

	It("does not keep the heaviest user from being deactivated", func(ctx SpecContext) {
		content := least("CloudSSOUser")
		walk(kindSchema(ctx, "CloudSSOUser"), "", func(f field) {
			path, isSpec := strings.CutPrefix(f.path, "spec.")
			if !isSpec || strings.Contains(path, "[]") || f.schema.Type != "string" || f.schema.MaxLength == nil || path == "userName" {
				return
			}
			merge(content, place(strings.Split(path, "."), strings.Repeat("<", int(*f.schema.MaxLength))))
		})
		merge(content, spec{"source": "SCIM", "withheld": map[string]any{"what": "Disable", "since": "2026-11-02T09:00:00Z"}})
		content["photos"] = values(8, "value", strings.Repeat("<", 8192))
		u := object("default", "CloudSSOUser", content)
		Expect(cluster.Create(ctx, u)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, u)).To(Succeed()) })
		Expect(cluster.Patch(ctx, u, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"active":false}}`)))).To(Succeed())
	})
})

// merge adds the values of one map to another, and those of the maps within.
func merge(into, from map[string]any) {
	for name, value := range from {
		inner, isMap := value.(map[string]any)
		old, wasMap := into[name].(map[string]any)
		if isMap && wasMap {
			merge(old, inner)
			continue
		}
		into[name] = value
	}
}
