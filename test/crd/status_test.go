package crd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("Status", func() {
	// limited checks that a field of a kind's status accepts a value, and refuses the next larger one.
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
	text("CloudSSOUser", "claimedName", 256)
	text("CloudSSOGroup", "claimedName", 256)
	text("SCIMCredential", "secretName", 253)
	text("SCIMCredential", "fingerprint", 8)
	text(assignmentKind, "principal.name", 253)
	text("CloudSSODirectory", "endpoint", 2048)
	pinned := func(selector string) map[string]any { return map[string]any{"name": "ops", "selector": selector} }
	limited(assignmentKind, "principal", pinned(characters(4096)), pinned(characters(4097)), "selector: Too long")
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

	It("of a credential names one of two sources of its token", func(ctx SpecContext) {
		made := object(newNamespace(ctx), "SCIMCredential", spec{})
		Expect(cluster.Create(ctx, made)).To(Succeed())
		for _, source := range []string{"Declared", "Minted"} {
			made.Object["status"] = map[string]any{"tokenSource": source}
			Expect(cluster.Status().Update(ctx, made)).To(Succeed())
		}
		made.Object["status"] = map[string]any{"tokenSource": "Found"}
		Expect(cluster.Status().Update(ctx, made)).To(MatchError(ContainSubstring(`supported values: "Declared", "Minted"`)))
	})

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
			shown, _, err := unstructured.NestedMap(made.Object, "status")
			Expect(err).NotTo(HaveOccurred())
			Expect(shown).To(Equal(defaultStatus[kind]))
			made.Object["status"] = map[string]any{"observedGeneration": int64(1)}
			Expect(cluster.Status().Update(ctx, made)).To(Succeed())
			Expect(made.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(1)}))
		})
	}
})

// defaultStatus is the status, by kind, of an object whose status has not been written.
var defaultStatus = map[string]map[string]any{
	"CloudSSOUser":      {"state": "Active"},
	"CloudSSOGroup":     {"observedGeneration": int64(-1)},
	"CloudSSODirectory": {"observedGeneration": int64(-1)},
	"SCIMCredential":    {"observedGeneration": int64(-1)},
	assignmentKind:      {"observedGeneration": int64(-1)},
}

// A tool that waits takes an object without conditions as current, unless its generation has not been observed.
var _ = Describe("An object that no operator has looked at", func() {
	for _, kind := range []string{"CloudSSOGroup", "CloudSSODirectory", "SCIMCredential", assignmentKind} {
		It("is in progress to kstatus: "+kind, func(ctx SpecContext) {
			made := object(newNamespace(ctx), kind, least(kind))
			Expect(cluster.Create(ctx, made)).To(Succeed())
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(made), made)).To(Succeed())
			Expect(status.Compute(made)).To(HaveField("Status", status.InProgressStatus))
		})
	}
})

// An active user that SCIM creates needs no status write.
var _ = Describe("The default status of a user", func() {
	It("is Active, to a get, a list and a watch", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		watching, err := client.NewWithWatch(config, client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		events, err := watching.Watch(ctx, &v1alpha1.CloudSSOUserList{}, inNamespace(namespace))
		Expect(err).NotTo(HaveOccurred())
		defer events.Stop()
		made := object(namespace, "CloudSSOUser", least("CloudSSOUser"))
		Expect(cluster.Create(ctx, made)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(made), made)).To(Succeed())
		Expect(made.Object["status"]).To(Equal(defaultStatus["CloudSSOUser"]))
		var listed v1alpha1.CloudSSOUserList
		Expect(cluster.List(ctx, &listed, inNamespace(namespace))).To(Succeed())
		Expect(listed.Items).To(HaveLen(1))
		Expect(listed.Items[0].Status.State).To(Equal(v1alpha1.UserActive))
		var event watch.Event
		Eventually(events.ResultChan()).Should(Receive(&event))
		Expect(event.Object).To(HaveField("Status.State", v1alpha1.UserActive))
	})

	It("does not return once the operator has written one, however the user is applied", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		file := filepath.Join(GinkgoT().TempDir(), "user.yaml")
		for name, arguments := range map[string][]string{"client": nil, "server": {"--server-side"}} {
			write := func(displayName string) {
				GinkgoHelper()
				manifest := fmt.Sprintf("apiVersion: cloudsso.dev/v1alpha1\nkind: CloudSSOUser\nmetadata: {name: %s}\nspec: {userName: %s, displayName: %s}\n", name, name, displayName)
				Expect(os.WriteFile(file, []byte(manifest), 0o600)).To(Succeed())
				run(append([]string{"apply", "-n", namespace, "-f", file}, arguments...)...)
			}
			write("Ada")
			key := client.ObjectKey{Namespace: namespace, Name: name}
			var applied v1alpha1.CloudSSOUser
			Expect(cluster.Get(ctx, key, &applied)).To(Succeed())
			applied.Status.State = v1alpha1.UserDisabled
			Expect(cluster.Status().Update(ctx, &applied)).To(Succeed())
			write("Ada Lovelace")
			Expect(cluster.Get(ctx, key, &applied)).To(Succeed())
			Expect(applied.Spec.DisplayName).To(Equal("Ada Lovelace"))
			Expect(applied.Status.State).To(Equal(v1alpha1.UserDisabled))
		}
	})
})

// refusedWrite returns one refused write with a field set.
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
