package crd

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// If Go cannot read one object, every typed list of its kind fails, and with it every cache: a single object that was
// written by hand would stop the operator. The API server's date-time format accepts more than Go does, so the schema
// needs rules of its own for times.
var _ = Describe("Times and numbers", func() {
	const unreadable = "a time of RFC 3339"

	DescribeTable("are accepted as Go reads them",
		func(ctx SpecContext, time string) {
			content := leastWith("SCIMCredential", "expiresAt", time)
			Expect(try(ctx, "SCIMCredential", content)).To(Succeed())
			expectReadable(content)
		},
		Entry("UTC", "2027-03-31T18:00:00Z"),
		Entry("zone", "2027-03-31T18:00:00+02:00"),
		Entry("fraction", "2027-03-31T18:00:00.123456789Z"),
		Entry("long fraction", "2027-03-31T18:00:00.1234567890123Z"),
		Entry("the first", "2000-01-01T00:00:00Z"),
		Entry("the last", "9999-12-31T23:59:59Z"),
	)

	DescribeTable("of a credential are refused if they are no times, or improbable ones",
		func(ctx SpecContext, time any) {
			Expect(try(ctx, "SCIMCredential", leastWith("SCIMCredential", "expiresAt", time))).
				To(MatchError(ContainSubstring("spec.expiresAt")))
		},
		Entry("date", "2027-03-31"),
		Entry("no zone", "2027-03-31T18:00:00"),
		Entry("no seconds", "2027-03-31T18:00Z"),
		Entry("no such day", "2027-02-30T18:00:00Z"),
		Entry("words", "tomorrow"),
		Entry("empty", ""),
		Entry("number", int64(1806516000)),
		Entry("lower case", "2027-03-31t18:00:00z"),
		Entry("text after the end", "2027-03-31T18:00:00Zt"),
		Entry("odd fraction", "2027-03-31T18:00:00x5Z"),
		Entry("no such zone", "2027-03-31T18:00:00+99:99"),
		Entry("leap second", "2027-03-31T18:00:60Z"),
		Entry("Go's zero time", "0001-01-01T00:00:00Z"),
		Entry("the epoch", "1970-01-01T00:00:00Z"),
		Entry("just too early", "1999-12-31T23:59:59Z"),
	)

	It("of a deprovisioned user are refused if Go cannot read them", func(ctx SpecContext) {
		content := leastWith("CloudSSOUser", "deprovisionedAt", "2027-03-31t18:00:00z")
		content["source"] = "SCIM"
		Expect(try(ctx, "CloudSSOUser", content)).To(MatchError(ContainSubstring(unreadable)))
	})

	DescribeTable("of a claim have six digits of a second, as Go reads them",
		func(ctx SpecContext, time string, accepted bool) {
			content := leastWith(claimKind, "acquiredAt", time)
			err := try(ctx, claimKind, content)
			if !accepted {
				Expect(err).To(MatchError(ContainSubstring("spec.acquiredAt")))
				return
			}
			Expect(err).NotTo(HaveOccurred())
			encoded, err := json.Marshal(content)
			Expect(err).NotTo(HaveOccurred())
			Expect(json.Unmarshal(encoded, &v1alpha1.CloudSSONameClaimSpec{})).To(Succeed())
		},
		Entry("UTC", "2027-03-31T18:00:00.123456Z", true),
		Entry("zone", "2027-03-31T18:00:00.123456+02:00", true),
		Entry("no fraction", "2027-03-31T18:00:00Z", false),
		Entry("three digits", "2027-03-31T18:00:00.123Z", false),
		Entry("nine digits", "2027-03-31T18:00:00.123456789Z", false),
		Entry("lower case", "2027-03-31t18:00:00.123456z", false),
		Entry("no zone", "2027-03-31T18:00:00.123456", false),
		Entry("no such zone", "2027-03-31T18:00:00.123456+99:99", false),
		Entry("no such day", "2027-02-30T18:00:00.123456Z", false),
		Entry("leap second", "2027-03-31T18:00:60.123456Z", false),
		Entry("text after the end", "2027-03-31T18:00:00.123456Zt", false),
	)

	DescribeTable("in a status are refused if Go cannot read them",
		func(ctx SpecContext, kind string, status map[string]any, message string) {
			made := object(newNamespace(ctx), kind, least(kind))
			Expect(cluster.Create(ctx, made)).To(Succeed())
			made.Object["status"] = status
			Expect(cluster.Status().Update(ctx, made)).To(MatchError(ContainSubstring(message)))
		},
		Entry("a condition of a user", "CloudSSOUser", conditionAt("2027-03-31t18:00:00z"), unreadable),
		Entry("a condition of a group", "CloudSSOGroup", conditionAt("2027-03-31t18:00:00z"), unreadable),
		Entry("a condition of a directory", "CloudSSODirectory", conditionAt("2027-03-31t18:00:00z"), unreadable),
		Entry("a condition of a credential", "SCIMCredential", conditionAt("2027-03-31t18:00:00z"), unreadable),
		Entry("a condition of an assignment", assignmentKind, conditionAt("2027-03-31t18:00:00z"), unreadable),
		Entry("users of an assignment beyond 32 bits", assignmentKind, place([]string{"users"}, int64(1)<<31), "format int32 in users"),
		Entry("lastUsedTime", "SCIMCredential", place([]string{"lastUsedTime"}, "2027-03-31t18:00:00z"), unreadable),
		Entry("slotHeldSince", "SCIMCredential", place([]string{"slotHeldSince"}, "2027-03-31t18:00:00z"), unreadable),
		Entry("switchedAt", "CloudSSODirectory", place([]string{"switchedAt"}, "2027-03-31t18:00:00z"), unreadable),
		Entry("lastRequestTime", "CloudSSODirectory", place([]string{"lastRequestTime"}, "2027-03-31t18:00:00z"), unreadable),
		Entry("a counted deactivation", "CloudSSODirectory", place([]string{"deactivations[]"}, map[string]any{"count": int64(1), "last": "2027-03-31t18:00:00z"}), unreadable),
		Entry("a refused write", "CloudSSODirectory", refusedWriteAt("2027-03-31t18:00:00z"), unreadable),
		Entry("members beyond 32 bits", "CloudSSOGroup", place([]string{"members"}, int64(1)<<31), "format int32 in members"),
		Entry("members below none", "CloudSSOGroup", place([]string{"members"}, int64(-1)), "status.members"),
		Entry("a generation beyond 64 bits", "CloudSSOUser", place([]string{"observedGeneration"}, json.Number("1e19")), "status.observedGeneration"),
		Entry("a count beyond 64 bits", "CloudSSODirectory", place([]string{"refusedWrites", "count"}, json.Number("1e19")), "status.refusedWrites.count"),
	)
})

func conditionAt(time string) map[string]any {
	return map[string]any{"conditions": []any{condition("Ready", time)}}
}

func refusedWriteAt(time string) map[string]any {
	return place([]string{"refusedWrites", "last[]"}, refusedWrite("time", time))
}

// expectReadable decodes a credential's spec as every typed client does.
func expectReadable(content spec) {
	GinkgoHelper()
	encoded, err := json.Marshal(content)
	Expect(err).NotTo(HaveOccurred())
	var decoded v1alpha1.SCIMCredentialSpec
	Expect(json.Unmarshal(encoded, &decoded)).To(Succeed())
	Expect(decoded.ExpiresAt).NotTo(BeNil())
}
