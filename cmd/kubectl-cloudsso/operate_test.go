package main

import (
	"context"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// directory reads the directory.
func directory(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	return d
}

// changeDirectory changes the directory, its status too, for the time of a test.
func changeDirectory(ctx context.Context, change func(*v1alpha1.CloudSSODirectory)) {
	GinkgoHelper()
	before := directory(ctx)
	write := func(ctx context.Context, to *v1alpha1.CloudSSODirectory) {
		to = to.DeepCopy()
		to.ResourceVersion = directory(ctx).ResourceVersion
		status := to.Status
		Expect(cluster.Update(ctx, to)).To(Succeed())
		to.Status = status
		Expect(cluster.Status().Update(ctx, to)).To(Succeed())
	}
	changed := before.DeepCopy()
	change(changed)
	write(ctx, changed)
	DeferCleanup(func(ctx SpecContext) { write(ctx, before) })
}

func condition(kind string, status metav1.ConditionStatus) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: "Because", Message: "a message\x1b[2J", LastTransitionTime: metav1.Now()}
}

var _ = Describe("kubectl cloudsso status", func() {
	It("shows a directory and what to do next", func(ctx SpecContext) {
		ending := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.SCIMCredentialSpec{ExpiresAt: &metav1.Time{Time: time.Now().Add(50*time.Hour + time.Minute)}}}
		create(ctx, ending)
		ending.Status = v1alpha1.SCIMCredentialStatus{
			Conditions:    []metav1.Condition{condition(v1alpha1.ConditionUsable, metav1.ConditionTrue)},
			SlotHeldSince: new(metav1.Now()),
		}
		Expect(cluster.Status().Update(ctx, ending)).To(Succeed())
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
			d.Status = v1alpha1.CloudSSODirectoryStatus{
				Conditions:      []metav1.Condition{condition(v1alpha1.ConditionResyncNeeded, metav1.ConditionTrue), condition(v1alpha1.ConditionPoliciesInstalled, metav1.ConditionFalse)},
				Endpoint:        "https://scim.example.com/scim/v2",
				SwitchedAt:      &metav1.Time{Time: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)},
				LastRequestTime: &metav1.Time{Time: time.Now().Add(-3 * time.Minute)},
				RefusedWrites:   &v1alpha1.RefusedWrites{Count: 7},
				Users:           &v1alpha1.UserCounts{Active: 500, Disabled: 1, SCIM: 501, Withheld: 2},
				Groups:          &v1alpha1.GroupCounts{Total: 1, SCIM: 1, DeletionHeld: 1},
			}
		})
		out, err := run(ctx, kubeconfig, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`^Directory:        default
Synchronization:  Enabled since 2026-11-02T09:00:00Z
Endpoint:         https://scim.example.com/scim/v2
Last request:     3m\d*s? ago
Users:            500 active, 1 disabled, 0 deprovisioned; 501 synchronized, 0 manual
Groups:           1 synchronized, 0 manual; the deletion of 1 waits until synchronization is Disabled
Refused writes:   7
Conditions:
  TYPE +STATUS +REASON +MESSAGE
  ResyncNeeded +True +Because +a message�\[2J
  PoliciesInstalled +False +Because +a message�\[2J
Credentials:
  NAME +USABLE +REASON +EXPIRES +LAST USED
  okta +True +Because +in 2d2h +never
Next:
  - The admission policies that protect synchronized objects are not in place.*
  - 2 deactivations exceed the disablement budget and wait for a decision.*
  - Writes of the identity provider were refused.* kubectl cloudsso resync -n default
  - Credential okta expires at .* kubectl cloudsso credential rotate okta -n default
$`))
		out, err = run(ctx, kubeconfig, "status", "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		var read struct {
			Directory   v1alpha1.CloudSSODirectory
			Credentials []v1alpha1.SCIMCredential
			Next        []string
		}
		Expect(json.Unmarshal([]byte(out), &read)).To(Succeed())
		Expect(read.Directory.Status.Users.Active).To(BeEquivalentTo(500))
		Expect(read.Credentials).To(HaveLen(1))
		Expect(read.Next).To(HaveLen(4))
	})

	It("lists all directories", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "status", "-A")
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(out)).To(HaveLen(2))
		Expect(rows(out)[1]).To(MatchRegexp(`^default {5}default {3}Disabled `))
	})

	It("names the right namespace for one without a directory", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "status", "-n", "kube-public")
		Expect(message(err)).To(HavePrefix("error: namespace kube-public has no CloudSSODirectory: give the namespace of a directory with -n"))
	})
})

var _ = Describe("kubectl cloudsso sync", func() {
	BeforeEach(func(ctx SpecContext) {
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled })
	})

	position := func(ctx context.Context) v1alpha1.Synchronization { return directory(ctx).Spec.SCIMSynchronization }

	It("asks before it turns the switch", func(ctx SpecContext) {
		for _, answer := range []string{"", "n\n", "no\n", "yep\n"} {
			_, stderr, err := runAt(ctx, []string{answer}, kubeconfig, "sync", "disable")
			Expect(err).To(MatchError("cancelled: nothing was changed"))
			Expect(stderr).To(And(ContainSubstring("keeps access here"), HaveSuffix("Continue? [y/N] ")))
			Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationEnabled))
		}
		for _, answer := range []string{"y\n", "Yes\n"} {
			out, stderr, err := runAt(ctx, []string{answer}, kubeconfig, "sync", "disable")
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(Equal("directory default: synchronization is Disabled\n"))
			Expect(stderr).To(HaveSuffix("When the changes are done: kubectl cloudsso sync enable -n default\n"))
			Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationDisabled))
			_, _, err = runAt(ctx, []string{answer}, kubeconfig, "sync", "enable")
			Expect(err).NotTo(HaveOccurred())
			Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationEnabled))
		}
	})

	It("needs --yes without a terminal", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "sync", "disable")
		Expect(err).To(MatchError(HaveSuffix("There is no terminal to ask at: give --yes if you want this")))
		Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationEnabled))
		_, err = run(ctx, kubeconfig, "sync", "disable", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationDisabled))
		Expect(directory(ctx).ManagedFields).To(ContainElement(HaveField("Manager", "kubectl-cloudsso")))
	})

	It("turns the switch off for a time, which a person can move or end", func(ctx SpecContext) {
		out, stderr, err := runAt(ctx, []string{"y\n"}, kubeconfig, "sync", "disable", "--for", "10m")
		Expect(err).NotTo(HaveOccurred())
		at := directory(ctx).Spec.ResumeAt
		Expect(at).To(HaveField("Time", BeTemporally("~", time.Now().Add(10*time.Minute), time.Minute)))
		Expect(out).To(Equal("directory default: synchronization is Disabled until " + at.UTC().Format(time.RFC3339) + "\n"))
		Expect(stderr).To(ContainSubstring("\n  - The operator turns it on again after 10m0s.\nContinue? [y/N] "))
		out, err = run(ctx, kubeconfig, "sync", "disable")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("directory default: synchronization is Disabled already until " + at.UTC().Format(time.RFC3339) + "\n"))
		out, err = run(ctx, kubeconfig, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`Synchronization:  Disabled.* until ` + at.UTC().Format(time.RFC3339)))

		_, err = run(ctx, kubeconfig, "sync", "disable", "--for", "1h", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(directory(ctx).Spec.ResumeAt).To(HaveField("Time", BeTemporally(">", at.Time)))
		_, err = run(ctx, kubeconfig, "sync", "enable", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(directory(ctx).Spec).To(And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
	})

	It("refuses a time in which nothing can be done", func(ctx SpecContext) {
		for _, limit := range []string{"0s", "9s", "-1m"} {
			_, err := run(ctx, kubeconfig, "sync", "disable", "--yes", "--for", limit)
			Expect(err).To(MatchError(ContainSubstring("is too short: give at least 10s")))
		}
		Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationEnabled))
	})

	It("does nothing if the switch is there already", func(ctx SpecContext) {
		out, err := run(ctx, kubeconfig, "sync", "enable")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("directory default: synchronization is Enabled already\n"))
	})

	It("warns of a tool that turns the change back", func(ctx SpecContext) {
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "acme"}
		})
		_, stderr, err := runAt(ctx, nil, kubeconfig, "sync", "disable", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(HavePrefix("warning: Flux applies this object"))
	})
})

var _ = Describe("kubectl cloudsso resync", func() {
	refused := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))

	BeforeEach(func(ctx SpecContext) {
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: 3, Last: []v1alpha1.RefusedWrite{{Time: refused, Method: "PATCH", Resource: "Users/ada\u009b2J"}}}
		})
	})

	It("acknowledges a full push", func(ctx SpecContext) {
		_, stderr, err := runAt(ctx, []string{"n\n"}, kubeconfig, "resync")
		Expect(err).To(MatchError("cancelled: nothing was changed"))
		Expect(stderr).To(ContainSubstring("3 writes to directory default were refused. The last ones:\n  " + refused.UTC().Format(time.RFC3339) + " PATCH Users/ada�2J\n"))
		Expect(directory(ctx).Annotations).To(BeEmpty())
		out, err := run(ctx, kubeconfig, "resync", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(HaveSuffix("are acknowledged\n"))
		at, err := time.Parse(time.RFC3339, directory(ctx).Annotations[v1alpha1.AnnotationResynced])
		Expect(err).NotTo(HaveOccurred())
		Expect(at).To(BeTemporally("~", time.Now(), time.Minute))
		out, err = run(ctx, kubeconfig, "resync")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("directory default: no refused write waits for a full push\n"))
	})

	It("says so if writes were refused after the push", func(ctx SpecContext) {
		_, stderr, err := runAt(ctx, nil, kubeconfig, "resync", "--yes", "--at", refused.Add(-time.Minute).Format(time.RFC3339))
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(Equal("warning: writes were refused after that time: another full push is needed\n"))
	})

	It("refuses times that mean nothing", func(ctx SpecContext) {
		_, err := run(ctx, kubeconfig, "resync", "--yes", "--at", "yesterday")
		Expect(err).To(MatchError(HavePrefix(`--at "yesterday" is no time of RFC 3339`)))
		_, err = run(ctx, kubeconfig, "resync", "--yes", "--at", time.Now().Add(time.Hour).Format(time.RFC3339))
		Expect(err).To(MatchError(HaveSuffix("is in the future: give the time at which the push began")))
		Expect(directory(ctx).Annotations).To(BeEmpty())
	})
})

var _ = Describe("kubectl cloudsso delete-user", func() {
	isThere := func(ctx context.Context, name string) bool {
		GinkgoHelper()
		err := cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &v1alpha1.CloudSSOUser{})
		Expect(client.IgnoreNotFound(err)).To(Succeed())
		return err == nil
	}

	It("deletes a manual user, and leaves the switch alone", func(ctx SpecContext) {
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
			d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "acme"}
		})
		create(ctx, &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Name: "manual"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "Manual@example.com"}})
		generation := directory(ctx).Generation
		_, stderr, err := runAt(ctx, []string{"n\n"}, kubeconfig, "delete-user", "manual@example.com")
		Expect(err).To(MatchError("cancelled: nothing was changed"))
		Expect(stderr).To(And(ContainSubstring("This deletes user manual (userName Manual@example.com, source Manual)"), Not(ContainSubstring("Synchronization"))))
		Expect(isThere(ctx, "manual")).To(BeTrue())
		out, err := run(ctx, kubeconfig, "delete-user", "manual@example.com", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("cloudssouser default/manual deleted\n"))
		Expect(isThere(ctx, "manual")).To(BeFalse())
		Expect(directory(ctx).Generation).To(Equal(generation))
	})

	It("stops at what a tool applies, and says what to change at the source", func(ctx SpecContext) {
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
			d.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "acme"}
		})
		_, err := run(ctx, kubeconfig, "delete-user", "user-001", "--yes")
		Expect(err).To(MatchError(And(ContainSubstring("Argo CD applies CloudSSODirectory default of namespace default"), ContainSubstring("nothing was changed"),
			ContainSubstring("Set spec.scimSynchronization to Disabled at the source"))))
		create(ctx, &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Name: "declared", Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "acme"}},
			Spec:       v1alpha1.CloudSSOUserSpec{UserName: "declared"},
		})
		_, err = run(ctx, kubeconfig, "delete-user", "declared", "--yes")
		Expect(err).To(MatchError("Flux applies user declared: nothing was changed. Remove it from the source, and Flux deletes it"))
		Expect(isThere(ctx, "user-001")).To(BeTrue())
		Expect(isThere(ctx, "declared")).To(BeTrue())
	})

	It("refuses a name that several deprovisioned users had, and too short a time", func(ctx SpecContext) {
		for _, name := range []string{"gone-1", "gone-2"} {
			create(ctx, &v1alpha1.CloudSSOUser{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec:       v1alpha1.CloudSSOUserSpec{UserName: "gone@example.com", Source: v1alpha1.SourceSCIM, DeprovisionedAt: new(metav1.Now())},
			})
		}
		_, err := run(ctx, kubeconfig, "delete-user", "gone@example.com", "--yes")
		Expect(err).To(MatchError(ContainSubstring(`2 users have the userName "gone@example.com": give the metadata.name of one`)))
		_, err = run(ctx, kubeconfig, "delete-user", "gone-1", "--yes", "--for", "5s")
		Expect(err).To(MatchError(ContainSubstring("give at least 30s")))
		Expect(isThere(ctx, "gone-1")).To(BeTrue())
	})
})
