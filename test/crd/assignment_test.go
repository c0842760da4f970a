package crd

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// tryAssignment creates, in a dry run, the least assignment with other values of some fields of its spec. A field that is
// nil is left out.
func tryAssignment(ctx context.Context, values spec) error {
	content := least(assignmentKind)
	for field, value := range values {
		content[field] = value
		if value == nil {
			delete(content, field)
		}
	}
	return try(ctx, assignmentKind, content)
}

func ofPrincipal(principal spec) spec { return spec{"principal": principal} }

func ofTarget(target spec) spec { return spec{"target": target} }

func ofRole(kind, name string) spec {
	return spec{"roleRef": spec{"kind": kind, "name": name}, "target": spec{"namespaces": []any{"acme"}}}
}

func ofSelector(selector spec) spec { return ofTarget(spec{"namespaceSelector": selector}) }

// numberedTexts returns n different texts.
func numberedTexts(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = fmt.Sprintf("text-%d", i)
	}
	return list
}

var _ = Describe("An access assignment", func() {
	It("is in effect, and leaves out Manual members, unless said otherwise", func(ctx SpecContext) {
		made := object(newNamespace(ctx), assignmentKind, least(assignmentKind))
		Expect(cluster.Create(ctx, made)).To(Succeed())
		want := least(assignmentKind)
		want["mode"] = "Enforce"
		Expect(made.Object["spec"]).To(Equal(want))
	})

	It("has a name of at most 63 characters", func(ctx SpecContext) {
		made := object("default", assignmentKind, least(assignmentKind))
		made.SetName(strings.Repeat("a", 63))
		Expect(cluster.Create(ctx, made.DeepCopy(), client.DryRunAll)).To(Succeed())
		made.SetName(strings.Repeat("a", 64))
		Expect(cluster.Create(ctx, made, client.DryRunAll)).To(MatchError(ContainSubstring("at most 63 characters, because its bindings have it as a label")))
	})

	for _, field := range []string{"principal", "roleRef", "target"} {
		It("has a "+field, func(ctx SpecContext) {
			Expect(tryAssignment(ctx, spec{field: nil})).To(MatchError(ContainSubstring("spec." + field + ": Required value")))
		})
	}

	DescribeTable("names its principal",
		func(ctx SpecContext, principal spec) {
			Expect(tryAssignment(ctx, ofPrincipal(principal))).To(Succeed())
		},
		Entry("a group by displayName", spec{"kind": "CloudSSOGroup", "displayName": "Платформа 語"}),
		Entry("a group by externalId", spec{"kind": "CloudSSOGroup", "externalId": "00g1emaKYZTWRYYRRTSK"}),
		Entry("a group by name", spec{"kind": "CloudSSOGroup", "name": "platform-admins"}),
		Entry("a user by userName", spec{"kind": "CloudSSOUser", "userName": "ada@example.com"}),
		Entry("a user by externalId", spec{"kind": "CloudSSOUser", "externalId": "00u1"}),
		Entry("a user by name", spec{"kind": "CloudSSOUser", "name": "ada-example-com-x7k2p"}),
		Entry("another object that a person has confirmed", spec{"kind": "CloudSSOGroup", "displayName": "Ops", "confirmed": "ops-k3p9w"}),
	)

	DescribeTable("is refused with another principal",
		func(ctx SpecContext, principal spec, message string) {
			Expect(tryAssignment(ctx, ofPrincipal(principal))).To(MatchError(And(ContainSubstring("spec.principal"), ContainSubstring(message))))
		},
		Entry("no name", spec{"kind": "CloudSSOGroup"}, "name the principal in exactly one way"),
		Entry("two names", spec{"kind": "CloudSSOGroup", "displayName": "Ops", "name": "ops"}, "name the principal in exactly one way"),
		Entry("a user by displayName", spec{"kind": "CloudSSOUser", "displayName": "Ada"}, "displayName names a group: give kind CloudSSOGroup, or userName instead"),
		Entry("a group by userName", spec{"kind": "CloudSSOGroup", "userName": "ada"}, "userName names a user: give kind CloudSSOUser, or displayName instead"),
		Entry("no kind", spec{"displayName": "Ops"}, "kind: Required value"),
		Entry("another kind", spec{"kind": "Group", "name": "ops"}, `supported values: "CloudSSOGroup", "CloudSSOUser"`),
		Entry("an empty displayName", spec{"kind": "CloudSSOGroup", "displayName": ""}, "at least 1 chars long"),
		Entry("a displayName with a line break", spec{"kind": "CloudSSOGroup", "displayName": "Ops\n"}, "displayName has a control character"),
		Entry("a userName with a control character", spec{"kind": "CloudSSOUser", "userName": "ada\x1b"}, "userName has a control character"),
		Entry("an externalId with a control character", spec{"kind": "CloudSSOUser", "externalId": "\u0085"}, "externalId has a control character"),
		Entry("a displayName as name", spec{"kind": "CloudSSOGroup", "name": "Platform Admins"}, "name is the metadata.name of a CloudSSOGroup or CloudSSOUser"),
		Entry("a displayName as confirmed", spec{"kind": "CloudSSOGroup", "displayName": "Ops", "confirmed": "Ops"}, "confirmed is the metadata.name"),
	)

	for field, limit := range map[string]int{"displayName": 256, "userName": 256, "externalId": 256} {
		It(fmt.Sprintf("holds %d characters of a %s and no more", limit, field), func(ctx SpecContext) {
			kind := "CloudSSOGroup"
			if field == "userName" {
				kind = "CloudSSOUser"
			}
			Expect(tryAssignment(ctx, ofPrincipal(spec{"kind": kind, field: characters(limit)}))).To(Succeed())
			Expect(tryAssignment(ctx, ofPrincipal(spec{"kind": kind, field: characters(limit + 1)}))).To(MatchError(ContainSubstring("Too long")))
		})
	}

	DescribeTable("names a role as RBAC does",
		func(ctx SpecContext, kind, name string) { Expect(tryAssignment(ctx, ofRole(kind, name))).To(Succeed()) },
		Entry("a ClusterRole", "ClusterRole", "view"),
		Entry("a Role", "Role", "deployer"),
		Entry("with a colon and capitals", "ClusterRole", "acme:Deployer.v2"),
		Entry("the longest", "ClusterRole", strings.Repeat("a", 253)),
	)

	DescribeTable("is refused with another role",
		func(ctx SpecContext, kind, name, message string) {
			Expect(tryAssignment(ctx, ofRole(kind, name))).To(MatchError(And(ContainSubstring("spec.roleRef"), ContainSubstring(message))))
		},
		Entry("another kind", "Group", "view", `supported values: "ClusterRole", "Role"`),
		Entry("no name", "ClusterRole", "", "at least 1 chars long"),
		Entry("its kind in the name", "ClusterRole", "clusterrole/view", "without its kind"),
		Entry("a dot", "ClusterRole", ".", "name is the metadata.name of a ClusterRole or Role"),
		Entry("two dots", "ClusterRole", "..", "name is the metadata.name of a ClusterRole or Role"),
		Entry("a percent sign", "ClusterRole", "a%2fb", "name is the metadata.name of a ClusterRole or Role"),
		Entry("a line break", "ClusterRole", "view\n", "name is the metadata.name of a ClusterRole or Role"),
		Entry("too long", "ClusterRole", strings.Repeat("a", 254), "Too long"),
	)

	DescribeTable("has one target",
		func(ctx SpecContext, target spec) { Expect(tryAssignment(ctx, ofTarget(target))).To(Succeed()) },
		Entry("the cluster", spec{"cluster": true}),
		Entry("a namespace", spec{"namespaces": []any{"acme"}}),
		Entry("as many namespaces as are permitted", spec{"namespaces": numberedTexts(v1alpha1.MaxTargetNamespaces)}),
		Entry("a system namespace, of which a condition tells", spec{"namespaces": []any{"kube-system"}}),
		Entry("every namespace", spec{"namespaceSelector": spec{}}),
		Entry("labels of namespaces", spec{"namespaceSelector": spec{"matchLabels": spec{"example.com/team": "a", "env": ""}}}),
		Entry("expressions on labels", spec{"namespaceSelector": spec{"matchExpressions": []any{
			spec{"key": "env", "operator": "In", "values": []any{"dev", "test"}},
			spec{"key": "env", "operator": "NotIn", "values": []any{"prod"}},
			spec{"key": "example.com/team", "operator": "Exists"},
			spec{"key": "closed", "operator": "DoesNotExist", "values": []any{}},
		}}}),
	)

	const labels, needsValues = "matchLabels are labels as Kubernetes accepts them", "the operators In and NotIn need values, Exists and DoesNotExist have none"
	expression := func(key, operator string, values ...any) spec {
		return ofSelector(spec{"matchExpressions": []any{spec{"key": key, "operator": operator, "values": values}}})
	}
	DescribeTable("is refused with another target",
		func(ctx SpecContext, values spec, message string) {
			Expect(tryAssignment(ctx, values)).To(MatchError(And(ContainSubstring("spec.target"), ContainSubstring(message))))
		},
		Entry("none", ofTarget(spec{}), "give exactly one target"),
		Entry("two", ofTarget(spec{"cluster": true, "namespaces": []any{"acme"}}), "give exactly one target"),
		Entry("three", ofTarget(spec{"cluster": true, "namespaces": []any{"acme"}, "namespaceSelector": spec{}}), "give exactly one target"),
		Entry("cluster: false", ofTarget(spec{"cluster": false}), "cluster is true or absent"),
		Entry("no namespace", ofTarget(spec{"namespaces": []any{}}), "should have at least 1 items"),
		Entry("a namespace twice", ofTarget(spec{"namespaces": []any{"a", "a"}}), "Duplicate value"),
		Entry("a namespace too many", ofTarget(spec{"namespaces": numberedTexts(v1alpha1.MaxTargetNamespaces + 1)}), "must have at most 16 items"),
		Entry("an empty namespace", ofTarget(spec{"namespaces": []any{""}}), "at least 1 chars long"),
		Entry("a wildcard", ofTarget(spec{"namespaces": []any{"team-*"}}), "without wildcards: to grant in many namespaces, give namespaceSelector"),
		Entry("a key that is no label's", ofSelector(spec{"matchLabels": spec{"a/b/c": "x"}}), labels),
		Entry("a value that is no label's", ofSelector(spec{"matchLabels": spec{"env": "a b"}}), labels),
		Entry("a value that is too long", ofSelector(spec{"matchLabels": spec{"env": strings.Repeat("a", 64)}}), "Too long"),
		Entry("an unknown operator", expression("env", "Equals", "a"), `supported values: "In", "NotIn", "Exists", "DoesNotExist"`),
		Entry("In without values", expression("env", "In"), needsValues),
		Entry("Exists with values", expression("env", "Exists", "a"), needsValues),
		Entry("an expression whose key is no label's", expression("a b", "Exists"), "key is the key of a label"),
		Entry("an expression whose value is no label's", expression("env", "In", "a b"), "a value of a label has at most 63 letters"),
		Entry("an expression with too many values", expression("env", "In", numberedTexts(17)...), "must have at most 16 items"),
	)

	It("selects by 16 labels and 16 expressions and no more", func(ctx SpecContext) {
		content := func(n int) (pairs spec, list []any) {
			pairs = spec{}
			for _, text := range numberedTexts(n) {
				pairs[fmt.Sprint(text)] = "x"
				list = append(list, spec{"key": text, "operator": "In", "values": numberedTexts(16)})
			}
			return pairs, list
		}
		pairs, list := content(16)
		Expect(tryAssignment(ctx, ofSelector(spec{"matchLabels": pairs, "matchExpressions": list}))).To(Succeed())
		pairs, list = content(17)
		Expect(tryAssignment(ctx, ofSelector(spec{"matchLabels": pairs}))).To(MatchError(ContainSubstring("namespaceSelector.matchLabels: Too many: 17")))
		Expect(tryAssignment(ctx, ofSelector(spec{"matchExpressions": list}))).To(MatchError(ContainSubstring("must have at most 16 items")))
	})

	It("refuses a Role for the whole cluster", func(ctx SpecContext) {
		role := spec{"roleRef": spec{"kind": "Role", "name": "deployer"}}
		Expect(tryAssignment(ctx, role)).To(MatchError(And(
			ContainSubstring("spec.roleRef.kind"), ContainSubstring("a Role belongs to a namespace: for the whole cluster name a ClusterRole"))))
		role["target"] = spec{"namespaceSelector": spec{}}
		Expect(tryAssignment(ctx, role)).To(Succeed())
	})

	DescribeTable("begins before it ends",
		func(ctx SpecContext, notBefore, expiresAt, message string) {
			times := spec{"notBefore": notBefore, "expiresAt": expiresAt}
			for field, value := range times {
				if value == "" {
					delete(times, field)
				}
			}
			if message == "" {
				Expect(tryAssignment(ctx, times)).To(Succeed())
				return
			}
			Expect(tryAssignment(ctx, times)).To(MatchError(ContainSubstring(message)))
		},
		Entry("without an end", "2027-01-31T00:00:00Z", "", ""),
		Entry("without a beginning", "", "2027-01-31T00:00:00Z", ""),
		Entry("with an end in the past", "", "2020-01-31T00:00:00Z", ""),
		Entry("by a second", "2027-01-31T00:00:00Z", "2027-01-31T00:00:01Z", ""),
		Entry("in another zone", "2027-01-31T01:00:00+02:00", "2027-01-31T00:00:00Z", ""),
		Entry("not at the same time", "2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z", "notBefore is not before expiresAt"),
		Entry("not after it", "2027-01-31T00:00:01Z", "2027-01-31T00:00:00Z", "notBefore is not before expiresAt"),
		Entry("at no day", "2027-02-30T00:00:00Z", "", "spec.notBefore"),
		Entry("at no time that Go reads", "", "2027-03-31t18:00:00z", "expiresAt is a time of RFC 3339"),
		Entry("at no zone", "2027-03-31T18:00:00+99:99", "", "notBefore is a time of RFC 3339"),
	)

	It("is in one of two modes", func(ctx SpecContext) {
		Expect(tryAssignment(ctx, spec{"mode": "Preview"})).To(Succeed())
		Expect(tryAssignment(ctx, spec{"mode": "Dry"})).To(MatchError(ContainSubstring(`supported values: "Enforce", "Preview"`)))
	})
})

var _ = Describe("The Kubernetes user names of a directory", func() {
	const kind = "CloudSSODirectory"

	It("are made of the userName unless said otherwise", func(ctx SpecContext) {
		made := object(newNamespace(ctx), kind, spec{"kubernetesUsername": spec{"prefix": "oidc:"}})
		Expect(cluster.Create(ctx, made)).To(Succeed())
		Expect(made.Object["spec"]).To(HaveKeyWithValue("kubernetesUsername", spec{"attribute": "userName", "prefix": "oidc:"}))
	})

	It("are made of one of three attributes", func(ctx SpecContext) {
		for _, attribute := range []string{"userName", "email", "externalId"} {
			Expect(try(ctx, kind, leastWith(kind, "kubernetesUsername.attribute", attribute))).To(Succeed())
		}
		Expect(try(ctx, kind, leastWith(kind, "kubernetesUsername.attribute", "displayName"))).
			To(MatchError(ContainSubstring(`supported values: "userName", "email", "externalId"`)))
	})

	It("have a prefix of at most 128 characters that is not that of Kubernetes", func(ctx SpecContext) {
		for prefix, message := range map[string]string{
			"": "", "oidc:": "", "system": "", characters(128): "", characters(129): "Too long",
			"system:": `prefix begins with "system:"`, "system:serviceaccount:": "which Kubernetes reserves",
		} {
			err := try(ctx, kind, leastWith(kind, "kubernetesUsername.prefix", prefix))
			if message == "" {
				Expect(err).NotTo(HaveOccurred(), prefix)
			} else {
				Expect(err).To(MatchError(ContainSubstring(message)))
			}
		}
	})
})

var _ = DescribeTable("kubectl get prints of an assignment",
	func(ctx SpecContext, values spec, principal, target string) {
		namespace := newNamespace(ctx)
		content := least(assignmentKind)
		content["expiresAt"] = "2027-03-31T18:00:00Z"
		for field, value := range values {
			content[field] = value
		}
		made := object(namespace, assignmentKind, content)
		Expect(cluster.Create(ctx, made)).To(Succeed())
		made.Object["status"] = map[string]any{"users": int64(3), "conditions": []any{
			condition("Ready", "2026-11-02T09:00:00Z"), condition("Effective", "2026-11-02T09:00:00Z"),
		}}
		Expect(cluster.Status().Update(ctx, made)).To(Succeed())
		listed := table(ctx, namespace, assignmentKind)
		Expect(columns(listed)).To(Equal([]column{
			{"Principal", 0},
			{"Role", 0},
			{"Target", 0},
			{"Users", 0},
			{"Ready", 0},
			{"Age", 0},
			{"Effective", wide},
			{"Reason", wide},
			{"Expires", wide},
		}))
		Expect(row(listed)).To(Equal(map[string]any{
			"Name": "default", "Principal": principal, "Role": "view", "Target": target, "Users": 3.0, "Ready": "True",
			"Effective": "True", "Reason": "Tested", "Expires": "2027-03-31T18:00:00Z",
		}))
	},
	Entry("a group for the cluster", spec{}, "Platform Admins", `{"cluster":true}`),
	Entry("a user in namespaces", spec{
		"principal": spec{"kind": "CloudSSOUser", "userName": "ada@example.com"}, "target": spec{"namespaces": []any{"acme", "globex"}},
	}, "ada@example.com", `{"namespaces":["acme","globex"]}`),
	Entry("an externalId in selected namespaces", spec{
		"principal": spec{"kind": "CloudSSOUser", "externalId": "00u1"}, "target": spec{"namespaceSelector": spec{"matchLabels": spec{"env": "dev"}}},
	}, "00u1", `{"namespaceSelector":{"matchLabels":{"env":"dev"}}}`),
	Entry("an object by name in every namespace", spec{
		"principal": spec{"kind": "CloudSSOGroup", "name": "ops-k3p9w"}, "target": spec{"namespaceSelector": spec{}},
	}, "ops-k3p9w", `{"namespaceSelector":{}}`),
)
