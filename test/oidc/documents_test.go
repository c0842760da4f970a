package oidc_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// pages have the examples that the suite tries.
var pages = []string{"oidc.md", "access.md", "break-glass.md"}

// block matches a fenced block of YAML or JSON, with its indentation.
var block = regexp.MustCompile("(?m)^( *)```(?:yaml|json)\n((?:.*\n)*?) *```$")

// example is a fenced block of a page.
type example struct {
	place string // such as oidc.md:70
	text  string
}

func examples(page string) (all []example) {
	content, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		panic(err)
	}
	text := string(content)
	for _, match := range block.FindAllStringSubmatchIndex(text, -1) {
		indent, lines := text[match[2]:match[3]], ""
		for line := range strings.Lines(text[match[4]:match[5]]) {
			lines += strings.TrimPrefix(line, indent)
		}
		all = append(all, example{fmt.Sprintf("%s:%d", page, 1+strings.Count(text[:match[0]], "\n")), lines})
	}
	return all
}

// documentedAuthenticator is an authenticator of a page, with the directory that the page shows after it.
type documentedAuthenticator struct {
	authenticator

	place     string
	directory v1alpha1.CloudSSODirectory
}

// documentedAuthenticators returns those of all pages.
func documentedAuthenticators() (all []*documentedAuthenticator) {
	for _, page := range pages {
		for _, e := range examples(page) {
			d := &documentedAuthenticator{place: e.place}
			switch {
			case strings.HasPrefix(e.text, "{"):
				must(json.Unmarshal([]byte(e.text), &d.config))
				all = append(all, d)
			case strings.Contains(e.text, "kind: AuthenticationConfiguration\n"):
				var err error
				d.config, err = firstAuthenticator([]byte(e.text))
				must(err)
				all = append(all, d)
			case strings.Contains(e.text, "kind: CloudSSODirectory\n") && len(all) > 0 && all[len(all)-1].directory.Name == "":
				must(yaml.UnmarshalStrict([]byte(e.text), &all[len(all)-1].directory))
			}
		}
	}
	return all
}

// documentedRefusal returns the rules of the page on OIDC that refuse one user.
func documentedRefusal() []any {
	GinkgoHelper()
	for _, e := range examples("oidc.md") {
		var fragment struct{ UserValidationRules []any }
		if strings.Contains(e.text, "user.username in [") && yaml.Unmarshal([]byte(e.text), &fragment) == nil {
			return fragment.UserValidationRules
		}
	}
	Fail("oidc.md has no rule that refuses one user")
	return nil
}

// must is for what is read before the suite begins.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// property returns a value below a nested map, or nil.
func property(m map[string]any, path ...string) any {
	for _, name := range path[:len(path)-1] {
		m, _ = m[name].(map[string]any)
	}
	return m[path[len(path)-1]]
}

// trust puts the suite's issuer into the place of the example's.
func (d *documentedAuthenticator) trust() {
	GinkgoHelper()
	ca, err := os.ReadFile(d.issuer.CAFile)
	Expect(err).NotTo(HaveOccurred())
	d.config["issuer"] = map[string]any{
		"url": d.issuer.URL, "certificateAuthority": string(ca), "audiences": property(d.config, "issuer", "audiences"),
	}
}

// tokenWith returns a token of alice as the example's client gets it. The changes are further claims.
func (d *documentedAuthenticator) tokenWith(changes map[string]any) string {
	GinkgoHelper()
	claims := map[string]any{
		"iss": d.issuer.URL, "aud": property(d.config, "issuer", "audiences"), "exp": time.Now().Add(time.Hour).Unix(),
		"sub": alice.Subject, "preferred_username": alice.UserName, "email": alice.UserName, "email_verified": true,
	}
	maps.Copy(claims, changes)
	signed, err := d.issuer.Sign(claims)
	Expect(err).NotTo(HaveOccurred())
	return signed
}

// provisioned is alice as her provider creates her over SCIM.
var provisioned = &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{
	UserName: "Alice@Example.com", ExternalID: alice.Subject, Emails: []v1alpha1.MultiValue{{Value: "alice@Example.com"}},
}}

// documentedObjects returns the objects of all examples that are not a file of the API server.
func documentedObjects() (all []*unstructured.Unstructured) {
	GinkgoHelper()
	for _, page := range pages {
		for _, e := range examples(page) {
			for document := range strings.SplitSeq(e.text, "---\n") {
				o := &unstructured.Unstructured{}
				Expect(yaml.Unmarshal([]byte(document), &o.Object)).To(Succeed(), e.place)
				if o.GetName() != "" {
					all = append(all, o)
				}
			}
		}
	}
	return all
}

// reason matches a constant of a reason in the sources of the API.
var reason = regexp.MustCompile(`(?m)^\tReason\w+ += "(\w+)"$`)

var _ = Describe("The page on access", func() {
	It("says what to do about every reason of an assignment", func() {
		page, err := os.ReadFile("../../docs/access.md")
		Expect(err).NotTo(HaveOccurred())
		source, err := os.ReadFile("../../api/v1alpha1/cloudssoaccessassignment_types.go")
		Expect(err).NotTo(HaveOccurred())
		reasons := reason.FindAllStringSubmatch(string(source), -1)
		Expect(reasons).NotTo(BeEmpty())
		for _, r := range reasons {
			Expect(string(page)).To(ContainSubstring("\n| `" + r[1] + "` | "))
		}
	})
})

var _ = Describe("An object in the documentation", func() {
	It("is accepted by the API server", func(ctx SpecContext) {
		objects := documentedObjects()
		Expect(len(objects)).To(BeNumerically(">=", 8))
		for _, o := range objects {
			if namespaced, err := admin.IsObjectNamespaced(o); err != nil || namespaced {
				Expect(err).NotTo(HaveOccurred(), o.GetName())
				o.SetNamespace(namespace)
			}
			strict := &client.CreateOptions{Raw: &metav1.CreateOptions{FieldValidation: "Strict"}}
			Expect(admin.Create(ctx, o, client.DryRunAll, strict)).To(Succeed(), o.GetName())
		}
	})
})

var _ = Describe("A configuration in the documentation", func() {
	It("is read from the pages", func() {
		Expect(len(documented)).To(BeNumerically(">=", 4))
	})
	for _, d := range documented {
		It("names the user as the directory after it does, and refuses system:masters, at "+d.place, func(ctx SpecContext) {
			Expect(fmt.Sprint(d.config["userValidationRules"])).To(And(
				ContainSubstring(systemGroupRule), ContainSubstring("!user.username.startsWith('system:')")))
			expected, err := access.Username(d.directory.Spec.KubernetesUsername, provisioned)
			Expect(err).NotTo(HaveOccurred())
			Eventually(func() (string, error) { return username(ctx, d.tokenWith(nil)) }).
				WithTimeout(acceptTimeout).WithPolling(pollInterval).Should(Equal(expected))

			refused := []int{http.StatusUnauthorized}
			if property(d.config, "claimMappings", "groups") == nil {
				refused = append(refused, http.StatusForbidden) // the claim is ignored
			}
			master := d.tokenWith(map[string]any{"groups": []string{"system:masters"}})
			Expect(statusOf(ctx, master)()).To(BeElementOf(refused))

			if strings.Contains(fmt.Sprint(property(d.config, "claimMappings", "username")), "claims.email") {
				unverified := d.tokenWith(map[string]any{"email_verified": false})
				Expect(statusOf(ctx, unverified)()).To(Equal(http.StatusUnauthorized))
			}
		})
	}
})
