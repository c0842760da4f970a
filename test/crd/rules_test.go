package crd

import (
	"fmt"
	"maps"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const oneWayMessage = "source goes from Manual to SCIM, never back"

// names are the fields that identify users and groups to people, by kind.
var names = map[string]string{"CloudSSOUser": "userName", "CloudSSOGroup": "displayName"}

var _ = Describe("Names", func() {
	for kind, field := range names {
		DescribeTable(kind+"."+field+" accepts readable text of any script",
			func(ctx SpecContext, name string) {
				Expect(try(ctx, kind, spec{field: name})).To(Succeed())
			},
			Entry("one character", "a"),
			Entry("an address", "ada+test@example.com"),
			Entry("an apostrophe", "d'arcy@example.com"),
			Entry("a Windows account", `EXAMPLE\ada`),
			Entry("spaces, inside and around", " Ada  Lovelace "),
			Entry("any script", "山田太郎"),
			Entry("punctuation and quotes", `"(a), <b>; [c]: {d}" & €`),
			Entry("joined emoji", "👩‍🚀"),
		)
		DescribeTable(kind+"."+field+" refuses text that people cannot read",
			func(ctx SpecContext, name, message string) {
				Expect(try(ctx, kind, spec{field: name})).To(MatchError(And(
					ContainSubstring("spec."+field), ContainSubstring(message))))
			},
			Entry("empty", "", "should be at least 1 chars long"),
			Entry("a space", " ", "is blank"),
			Entry("an ideographic and a no-break space", "\u3000\u00a0", "is blank"),
			Entry("a zero-width space", "\u200b", "is blank"),
			Entry("a line break", "ada\nlovelace", "control character"),
			Entry("a tab", "ada\tlovelace", "control character"),
			Entry("NUL", "ada\x00", "control character"),
			Entry("DEL", "ada\x7f", "control character"),
			Entry("a C1 control", "ada\u0085", "control character"),
		)
	}
})

var _ = Describe("Source", func() {
	for kind := range names {
		It("of a "+kind+" is Manual unless said otherwise", func(ctx SpecContext) {
			made := object(newNamespace(ctx), kind, least(kind))
			Expect(cluster.Create(ctx, made)).To(Succeed())
			Expect(made.Object["spec"]).To(HaveKeyWithValue("source", "Manual"))
		})

		It("of a "+kind+" goes from Manual to SCIM and never back", func(ctx SpecContext) {
			made := object(newNamespace(ctx), kind, least(kind))
			Expect(cluster.Create(ctx, made)).To(Succeed())
			Expect(patch(ctx, made, `{"spec":{"source":"SCIM"}}`)).To(Succeed())
			Expect(patch(ctx, made, `{"spec":{"source":"Manual"}}`)).To(MatchError(ContainSubstring(oneWayMessage)))
			Expect(patch(ctx, made, `{"spec":{"source":null}}`)).To(MatchError(ContainSubstring(oneWayMessage)))
			Expect(patch(ctx, made, `{"spec":{"externalId":"e1"}}`)).To(Succeed())
		})

		It("of a "+kind+" is one of two", func(ctx SpecContext) {
			Expect(try(ctx, kind, leastWith(kind, "source", "LDAP"))).
				To(MatchError(ContainSubstring(`supported values: "SCIM", "Manual"`)))
		})
	}
})

var _ = Describe("Deprovisioning", func() {
	const at = "2026-11-02T09:00:00Z"

	It("is for users of source SCIM", func(ctx SpecContext) {
		content := leastWith("CloudSSOUser", "deprovisionedAt", at)
		content["source"] = "SCIM"
		Expect(try(ctx, "CloudSSOUser", content)).To(Succeed())
	})

	It("is refused for Manual users", func(ctx SpecContext) {
		Expect(try(ctx, "CloudSSOUser", leastWith("CloudSSOUser", "deprovisionedAt", at))).To(MatchError(And(
			ContainSubstring("spec.deprovisionedAt: Forbidden"),
			ContainSubstring("deprovisionedAt is for users of source SCIM only"))))
	})
})

var _ = Describe("Primary", func() {
	for _, list := range userLists {
		It("is at most one of "+list, func(ctx SpecContext) {
			primaries := func(flags ...bool) spec {
				marked := make([]any, len(flags))
				for i, flag := range flags {
					marked[i] = map[string]any{"type": "work", "primary": flag}
				}
				return leastWith("CloudSSOUser", list, marked)
			}
			Expect(try(ctx, "CloudSSOUser", primaries(false, false))).To(Succeed())
			Expect(try(ctx, "CloudSSOUser", primaries(false, true, false))).To(Succeed())
			Expect(try(ctx, "CloudSSOUser", primaries(true, false, true))).To(MatchError(And(
				ContainSubstring("spec."+list), ContainSubstring("is primary: set primary: true on one of them only"))))
		})

		It("is read in the longest list of "+list, func(ctx SpecContext) {
			Expect(try(ctx, "CloudSSOUser", leastWith("CloudSSOUser", list, values(100, "primary", false)))).To(Succeed())
		})
	}
})

var _ = Describe("Members", func() {
	members := func(names ...string) spec {
		list := make([]any, len(names))
		for i, name := range names {
			list[i] = map[string]any{"name": name}
		}
		return leastWith("CloudSSOGroup", "members", list)
	}

	DescribeTable("are named as Kubernetes names users",
		func(ctx SpecContext, name string) { Expect(try(ctx, "CloudSSOGroup", members(name))).To(Succeed()) },
		Entry("slug", "alice-example-com-x7k2p"),
		Entry("dots", "alice.example.com"),
		Entry("digits", "00ujl29u0le5"),
	)
	DescribeTable("are refused by any other name, userNames too",
		func(ctx SpecContext, name string) {
			Expect(try(ctx, "CloudSSOGroup", members("alice", name))).To(MatchError(And(
				ContainSubstring("spec.members[1].name"),
				ContainSubstring("name is the metadata.name of a CloudSSOUser"),
				ContainSubstring("not its userName"))))
		},
		Entry("userName", "alice@example.com"),
		Entry("upper case", "Alice"),
		Entry("path", "../alice"),
		Entry("space", "alice "),
		Entry("dash at the end", "alice-"),
	)
	It("have a name", func(ctx SpecContext) {
		Expect(try(ctx, "CloudSSOGroup", members(""))).To(MatchError(ContainSubstring("should be at least 1 chars long")))
		Expect(try(ctx, "CloudSSOGroup", leastWith("CloudSSOGroup", "members", []any{spec{}}))).
			To(MatchError(ContainSubstring("spec.members[0].name: Required value")))
	})
	It("may be none", func(ctx SpecContext) {
		Expect(try(ctx, "CloudSSOGroup", members())).To(Succeed())
	})
	It("are each listed once, in a list of any length, and the answer names the double", func(ctx SpecContext) {
		last := fmt.Sprintf("%0253d", 998)
		list := append(longestMembers(999), spec{"name": last})
		Expect(try(ctx, "CloudSSOGroup", leastWith("CloudSSOGroup", "members", list))).To(MatchError(And(
			ContainSubstring(last+" already exists"), ContainSubstring("a group lists each member once"))))
	})
})

var _ = Describe("A claim", func() {
	It("keeps its kind and name, and changes its holder", func(ctx SpecContext) {
		claim := object(newNamespace(ctx), claimKind, least(claimKind))
		Expect(cluster.Create(ctx, claim)).To(Succeed())
		for _, change := range []string{`{"spec":{"kind":"CloudSSOGroup"}}`, `{"spec":{"name":"bob@example.com"}}`} {
			Expect(patch(ctx, claim, change)).To(MatchError(ContainSubstring("kind and name cannot be changed")))
		}
		Expect(patch(ctx, claim, `{"spec":{"holder":"bob-x7k2p","acquiredAt":"2026-11-02T09:01:00.000000Z"}}`)).To(Succeed())
	})

	It("is of a user or a group", func(ctx SpecContext) {
		Expect(try(ctx, claimKind, leastWith(claimKind, "kind", "CloudSSOGroup"))).To(Succeed())
		Expect(try(ctx, claimKind, leastWith(claimKind, "kind", "CloudSSODirectory"))).
			To(MatchError(ContainSubstring(`supported values: "CloudSSOUser", "CloudSSOGroup"`)))
	})

	for field := range least(claimKind) {
		It("has "+field, func(ctx SpecContext) {
			content := least(claimKind)
			delete(content, field)
			Expect(try(ctx, claimKind, content)).To(MatchError(ContainSubstring("spec." + field + ": Required value")))
		})
	}
	for _, field := range []string{"name", "holder"} {
		It("has a "+field+" that is not empty", func(ctx SpecContext) {
			Expect(try(ctx, claimKind, leastWith(claimKind, field, ""))).To(MatchError(ContainSubstring("should be at least 1 chars long")))
		})
	}
})

var _ = Describe("A token hash", func() {
	const kind, fixed = "SCIMCredential", "tokenHash cannot be changed or removed"
	hash, another := "sha256:"+strings.Repeat("0a", 32), "sha256:"+strings.Repeat("0b", 32)

	It("is set once, and not changed or removed in any way", func(ctx SpecContext) {
		for _, first := range []spec{nil, {}, {"description": "of Okta"}} {
			credential := object(newNamespace(ctx), kind, first)
			if first == nil {
				delete(credential.Object, "spec")
			}
			Expect(cluster.Create(ctx, credential)).To(Succeed())
			Expect(patch(ctx, credential, `{"spec":{"tokenHash":"`+hash+`"}}`)).To(Succeed())
			for _, change := range []string{
				`{"spec":{"tokenHash":"` + another + `"}}`, `{"spec":{"tokenHash":null}}`, `{"spec":{"tokenHash":""}}`, `{"spec":null}`,
			} {
				Expect(patch(ctx, credential.DeepCopy(), change)).To(MatchError(Or(ContainSubstring(fixed), ContainSubstring("tokenHash is"))), change)
			}
			replaced := credential.DeepCopy()
			delete(replaced.Object, "spec")
			Expect(cluster.Update(ctx, replaced)).To(MatchError(ContainSubstring(fixed)))
			Expect(patch(ctx, credential, `{"spec":{"tokenHash":"`+hash+`","disabled":true,"expiresAt":"2027-03-31T18:00:00Z"}}`)).To(Succeed())
		}
	})

	DescribeTable("is the SHA-256 of a token, and the answer does not repeat what was written instead",
		func(ctx SpecContext, text string) {
			Expect(try(ctx, kind, spec{"tokenHash": text})).To(MatchError(And(
				ContainSubstring("spec.tokenHash"), Or(ContainSubstring("never the token itself"), ContainSubstring("Too long")),
				Not(ContainSubstring(text)))))
		},
		Entry("a token", "cssoscim_a_0000000000000000000000000000000000000000000_2wR7oY"),
		Entry("the longest token", "cssoscim_"+strings.Repeat("a", 63)+"_0000000000000000000000000000000000000000000_2wR7oY"),
		Entry("no prefix", hash[len("sha256:"):]),
		Entry("another hash", "sha512:"+hash[len("sha256:"):]),
		Entry("upper case", "sha256:"+strings.Repeat("0A", 32)),
		Entry("a digit less", hash[:70]),
		Entry("a digit more", hash+"0"),
		Entry("a line break", hash[:70]+"\n"),
	)
})

var _ = Describe("The description of a credential", func() {
	DescribeTable("has no control characters but those of a block of YAML, because kubectl prints it",
		func(ctx SpecContext, text string) {
			Expect(try(ctx, "SCIMCredential", spec{"description": text})).To(MatchError(And(
				ContainSubstring("spec.description"), ContainSubstring("description has a control character"))))
		},
		Entry("a carriage return", "Okta\rproduction"),
		Entry("an escape", "Okta\x1b[2J"),
		Entry("a C1 control", "Okta\u009b31m"),
	)

	DescribeTable("is any other text",
		func(ctx SpecContext, text string) {
			Expect(try(ctx, "SCIMCredential", spec{"description": text})).To(Succeed())
		},
		Entry("of any script", "Okta, Zürich: 本番 👩‍🚀 "),
		Entry("of several lines", "Okta production,\n\tasked for by the identity team\n"),
	)
})

var _ = Describe("The allowed networks of a credential", func() {
	const kind = "SCIMCredential"

	It("are CIDRs of both versions", func(ctx SpecContext) {
		networks := []any{"203.0.113.0/24", "203.0.113.7/32", "2001:db8::/32", "0.0.0.0/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}
		Expect(try(ctx, kind, spec{"allowedNetworks": networks})).To(Succeed())
	})

	DescribeTable("are refused", func(ctx SpecContext, problem string, networks ...any) {
		Expect(try(ctx, kind, spec{"allowedNetworks": networks})).To(MatchError(ContainSubstring(problem)))
	},
		Entry("an address", "each network is a CIDR", "203.0.113.7"),
		Entry("bits beyond the length", "each network is a CIDR", "203.0.113.7/24"),
		Entry("a name", "each network is a CIDR", "okta.com"),
		Entry("nothing", "should have at least 1 items"),
		Entry("one twice", "Duplicate value", "10.0.0.0/8", "10.0.0.0/8"),
		Entry("a text that is too long", "Too long", strings.Repeat("1", 44)),
	)

	It("are 32 at most", func(ctx SpecContext) {
		var networks []any
		for i := range 33 {
			networks = append(networks, fmt.Sprintf("10.%d.0.0/16", i))
		}
		Expect(try(ctx, kind, spec{"allowedNetworks": networks[:32]})).To(Succeed())
		Expect(try(ctx, kind, spec{"allowedNetworks": networks})).To(MatchError(ContainSubstring("Too many")))
	})
})

var _ = Describe("A disablement budget", func() {
	DescribeTable("has a window that Go can read", func(ctx SpecContext, window string) {
		Expect(try(ctx, "CloudSSODirectory", spec{"disablementBudget": map[string]any{"count": int64(1), "window": window}})).To(Succeed())
		parsed, err := time.ParseDuration(window)
		Expect(err).NotTo(HaveOccurred())
		Expect(parsed).To(And(BeNumerically(">=", time.Minute), BeNumerically("<=", 7*24*time.Hour)))
	},
		Entry("the shortest", "1m"),
		Entry("the same in seconds", "60s"),
		Entry("the longest", "168h"),
		Entry("of parts", "1h30m20s"),
	)
	DescribeTable("is refused with any other window", func(ctx SpecContext, window any) {
		Expect(try(ctx, "CloudSSODirectory", spec{"disablementBudget": map[string]any{"count": int64(1), "window": window}})).
			To(MatchError(And(ContainSubstring("spec.disablementBudget.window"),
				Or(ContainSubstring("window is a duration of 1m to 168h"), ContainSubstring("Too long"), ContainSubstring("must be of type string"), ContainSubstring("Required value")))))
	},
		Entry("too short", "59s"),
		Entry("too long", "168h1s"),
		Entry("none", ""),
		Entry("nothing", nil),
		Entry("a number", int64(60)),
		Entry("days", "1d"),
		Entry("words", "1 hour"),
		Entry("a unit alone", "h"),
		Entry("negative", "-1h"),
		Entry("a fraction", "1.5h"),
		Entry("a line break", "1h\n"),
		Entry("ISO 8601", "PT1H"),
		Entry("many digits", "100000000000000000000h"),
	)
	DescribeTable("is a number or a percentage", func(ctx SpecContext, budget map[string]any) {
		budget["window"] = "1h"
		Expect(try(ctx, "CloudSSODirectory", spec{"disablementBudget": budget})).To(MatchError(ContainSubstring("set exactly one of count and percent")))
	},
		Entry("not both", map[string]any{"count": int64(1), "percent": int64(1)}),
		Entry("not neither", map[string]any{}),
	)
})

var _ = Describe("A withheld deactivation", func() {
	withheld := func(source string, content map[string]any) spec {
		return spec{"userName": "ada", "source": source, "withheld": content}
	}
	full := map[string]any{"what": "Disable", "since": "2026-11-02T09:00:00Z", "credential": "okta", "requestID": "R1", "decision": "Apply"}

	It("is for users of source SCIM", func(ctx SpecContext) {
		Expect(try(ctx, "CloudSSOUser", withheld("SCIM", full))).To(Succeed())
		Expect(try(ctx, "CloudSSOUser", withheld("Manual", full))).To(MatchError(And(
			ContainSubstring("spec.withheld: Forbidden"), ContainSubstring("withheld is for users of source SCIM only"))))
	})

	It("is not made by a decision alone, as for a user who has none", func(ctx SpecContext) {
		Expect(try(ctx, "CloudSSOUser", withheld("SCIM", map[string]any{"decision": "Apply"}))).To(MatchError(ContainSubstring("spec.withheld.what: Required value")))
	})

	It("is applied or discarded", func(ctx SpecContext) {
		for _, word := range []string{"apply", "Reject", ""} {
			content := maps.Clone(full)
			content["decision"] = word
			Expect(try(ctx, "CloudSSOUser", withheld("SCIM", content))).To(MatchError(ContainSubstring(`supported values: "Apply", "Discard"`)))
		}
	})
})

var _ = Describe("A directory", func() {
	It("is switched off and rejects existing users unless said otherwise", func(ctx SpecContext) {
		made := object(newNamespace(ctx), "CloudSSODirectory", spec{})
		Expect(cluster.Create(ctx, made)).To(Succeed())
		Expect(made.Object["spec"]).To(Equal(spec{"scimSynchronization": "Disabled", "existingUsers": "Reject"}))
	})

	It("resumes at a time only while it is switched off", func(ctx SpecContext) {
		const (
			at      = "2027-01-31T12:00:00Z"
			message = "spec.resumeAt: Invalid value: resumeAt says when the operator sets scimSynchronization to Enabled"
		)
		Expect(try(ctx, "CloudSSODirectory", spec{"scimSynchronization": "Enabled", "resumeAt": at})).To(MatchError(ContainSubstring(message)))
		Expect(try(ctx, "CloudSSODirectory", spec{"resumeAt": at})).To(Succeed(), "Disabled is the default")
		Expect(try(ctx, "CloudSSODirectory", spec{"resumeAt": "tomorrow"})).To(MatchError(ContainSubstring("spec.resumeAt")))
		Expect(try(ctx, "CloudSSODirectory", spec{"resumeAt": "2027-01-31t12:00:00z"})).To(MatchError(ContainSubstring("resumeAt is a time of RFC 3339")))
		made := object(newNamespace(ctx), "CloudSSODirectory", spec{"scimSynchronization": "Enabled"})
		Expect(cluster.Create(ctx, made)).To(Succeed())
		Expect(patch(ctx, made, `{"spec":{"resumeAt":"`+at+`"}}`)).To(MatchError(ContainSubstring(message)))
		Expect(patch(ctx, made, `{"spec":{"scimSynchronization":"Disabled","resumeAt":"`+at+`"}}`)).To(Succeed())
		refused := patch(ctx, made, `{"spec":{"scimSynchronization":"Enabled"}}`)
		Expect(refused).To(MatchError(ContainSubstring(message)))
		_, command, _ := strings.Cut(refused.Error(), "--type=merge -p '")
		document, _, found := strings.Cut(command, "'")
		Expect(found).To(BeTrue())
		Expect(patch(ctx, made, document)).To(Succeed(), "the patch that the message gives")
	})

	It("has one name", func(ctx SpecContext) {
		named := object(newNamespace(ctx), "CloudSSODirectory", spec{})
		named.SetName("other")
		Expect(cluster.Create(ctx, named)).To(MatchError(ContainSubstring(`a CloudSSODirectory must be named "default"`)))
		generated := object(newNamespace(ctx), "CloudSSODirectory", spec{})
		generated.SetName("")
		generated.SetGenerateName("default")
		Expect(cluster.Create(ctx, generated)).To(MatchError(ContainSubstring(`a CloudSSODirectory must be named "default"`)))
	})
})

// patch merges a JSON document into an object.
func patch(ctx SpecContext, target client.Object, document string) error {
	return cluster.Patch(ctx, target, client.RawPatch("application/merge-patch+json", []byte(document)))
}
