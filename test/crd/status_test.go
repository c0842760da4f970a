package crd

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Status", func() {
	// limited checks that a field of a kind's status holds a value, and refuses one a step larger.
	limited := func(kind, path string, most, tooMuch any, complaint string) {
		It(fmt.Sprintf("%s.%s is bounded: %s", kind, path, complaint), func(ctx SpecContext) {
			made := object(newNamespace(ctx), kind, least(kind))
			Expect(cluster.Create(ctx, made)).To(Succeed())
			made.Object["status"] = place(strings.Split(path, "."), tooMuch)
			Expect(cluster.Status().Update(ctx, made)).To(MatchError(And(
				ContainSubstring("status."+shown(path)), ContainSubstring(complaint))))
			made.Object["status"] = place(strings.Split(path, "."), most)
			Expect(cluster.Status().Update(ctx, made)).To(Succeed())
		})
	}
	text := func(kind, path string, limit int) {
		limited(kind, path, characters(limit), characters(limit+1), "Too long")
	}
	text("CloudSSOUser", "userName", 256)
	text("CloudSSOGroup", "displayName", 256)
	text("SCIMCredential", "secretName", 253)
	text("CloudSSODirectory", "endpoint", 2048)
	limited("CloudSSODirectory", "refusedWrites.last", refusedWrites(10), refusedWrites(11), "must have at most 10 items")
	for _, field := range []struct {
		name  string
		limit int
	}{{"method", 16}, {"resource", 1024}, {"credential", 253}} {
		limited("CloudSSODirectory", "refusedWrites.last",
			[]any{refusedWrite(field.name, characters(field.limit))},
			[]any{refusedWrite(field.name, characters(field.limit+1))}, field.name+": Too long")
	}
	for _, kind := range kindsWithStatus {
		limited(kind, "conditions", conditions(16), conditions(17), "must have at most 16 items")
	}

	It("of a user has one of five states", func(ctx SpecContext) {
		made := object(newNamespace(ctx), "CloudSSOUser", least("CloudSSOUser"))
		Expect(cluster.Create(ctx, made)).To(Succeed())
		for _, state := range []string{"Active", "Disabled", "Suspended", "Deprovisioned", "Conflict"} {
			made.Object["status"] = map[string]any{"state": state}
			Expect(cluster.Status().Update(ctx, made)).To(Succeed())
		}
		made.Object["status"] = map[string]any{"state": "Gone"}
		Expect(cluster.Status().Update(ctx, made)).To(MatchError(ContainSubstring(
			`supported values: "Active", "Disabled", "Suspended", "Deprovisioned", "Conflict"`)))
	})

	for _, kind := range kindsWithStatus {
		It("of a "+kind+" is written through its subresource alone", func(ctx SpecContext) {
			made := object(newNamespace(ctx), kind, least(kind))
			made.Object["status"] = map[string]any{"observedGeneration": int64(1)}
			Expect(cluster.Create(ctx, made)).To(Succeed())
			Expect(made.Object).NotTo(HaveKey("status"))
			made.Object["status"] = map[string]any{"observedGeneration": int64(1)}
			Expect(cluster.Status().Update(ctx, made)).To(Succeed())
			Expect(made.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(1)}))
		})
	}
})

// refusedWrite is one refused write with a field set.
func refusedWrite(field string, value any) map[string]any {
	write := map[string]any{"time": "2026-11-02T09:00:00Z", "method": "POST", "resource": "Users"}
	write[field] = value
	return write
}

func refusedWrites(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = refusedWrite("method", "POST")
	}
	return list
}

func conditions(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = condition(fmt.Sprintf("Condition%d", i), "2026-11-02T09:00:00Z")
	}
	return list
}

func condition(kind, since string) map[string]any {
	return map[string]any{
		"type": kind, "status": "True", "reason": "Tested", "message": "", "lastTransitionTime": since,
	}
}
