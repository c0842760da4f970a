package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
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

// switchBy turns synchronization on as a tool does, which a field manager names.
func switchBy(ctx context.Context, manager string) {
	GinkgoHelper()
	d := directory(ctx)
	for _, position := range []v1alpha1.Synchronization{v1alpha1.SynchronizationDisabled, v1alpha1.SynchronizationEnabled} {
		d.Spec.SCIMSynchronization = position
		Expect(cluster.Update(ctx, d, client.FieldOwner(manager))).To(Succeed())
	}
}

// doing lets a person at the terminal say yes after something else has happened.
func doing(something func()) func(*plugin.Plugin) {
	return func(p *plugin.Plugin) {
		p.In, p.AtTerminal = &lateAnswer{sync.OnceFunc(something), strings.NewReader("y\n")}, true
	}
}

type lateAnswer struct {
	before func()
	answer io.Reader
}

func (a *lateAnswer) Read(p []byte) (int, error) {
	a.before()
	return a.answer.Read(p)
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
				ActivatedAt:     &metav1.Time{Time: time.Now()},
				LastRequestTime: &metav1.Time{Time: time.Now().Add(-3 * time.Minute)},
				RefusedWrites:   &v1alpha1.RefusedWrites{Count: 7},
				Users:           &v1alpha1.UserCounts{Active: 497, Disabled: 4, Suspended: new(int32(2)), Conflict: new(int32(1)), SCIM: 501, Withheld: 2},
				Groups:          &v1alpha1.GroupCounts{Total: 1, SCIM: 1, DeletionHeld: 1},
			}
		})
		out, err := run(ctx, kubeconfig, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`^Directory:        default
Synchronization:  Enabled since 2026-11-02T09:00:00Z
Endpoint:         https://scim.example.com/scim/v2
Connection:       Working, last request 3m\d*s? ago
Users:            497 active, 4 disabled \(2 of them suspended, 1 in conflict\), 0 deprovisioned; 501 synchronized, 0 manual
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
  - Deactivations that exceed the disablement budget and wait for a decision: 2.*
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
		Expect(read.Directory.Status.Users.Active).To(BeEquivalentTo(497))
		Expect(read.Credentials).To(ConsistOf(HaveField("Kind", "SCIMCredential")))
		Expect(read.Directory.Kind).To(Equal("CloudSSODirectory"))
		Expect(read.Next).To(HaveLen(4))
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Status.LastRequestTime, d.Status.Credentials = nil, &v1alpha1.CredentialCounts{}
		})
		out, err = run(ctx, kubeconfig, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("\nConnection:       Refused, because no credential is usable\n"))
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
		Expect(err).To(MatchError(HaveSuffix("\nThere is no terminal to ask at: give --yes if you want this")))
		Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationEnabled))
		_, err = run(ctx, kubeconfig, "sync", "disable", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationDisabled))
		Expect(directory(ctx).ManagedFields).To(ContainElement(HaveField("Manager", "kubectl-cloudsso/admin")))
	})

	It("turns the switch off for a time, which a person can move or end", func(ctx SpecContext) {
		out, stderr, err := runAt(ctx, []string{"y\n"}, kubeconfig, "sync", "disable", "--for", "10m")
		Expect(err).NotTo(HaveOccurred())
		at := directory(ctx).Spec.ResumeAt
		Expect(at).To(HaveField("Time", BeTemporally("~", time.Now().Add(10*time.Minute), time.Minute)))
		Expect(out).To(Equal("directory default: synchronization is Disabled until " + at.UTC().Format(time.RFC3339) + "\n"))
		Expect(stderr).To(ContainSubstring("\n  - The operator turns it on again after 10m, but not before a person has activated the directory (docs/restore.md).\nContinue? [y/N] "))
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

	It("makes a limited break an open one", func(ctx SpecContext) {
		_, stderr, err := runAt(ctx, []string{"y\n"}, kubeconfig, "sync", "disable", "--for", "10m")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(ContainSubstring("after 10m, but not before a person has activated the directory"), "no operator has activated it")
		at := directory(ctx).Spec.ResumeAt.UTC().Format(time.RFC3339)
		out, stderr, err := runAt(ctx, []string{"y\n"}, kubeconfig, "sync", "disable")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(ContainSubstring("It is off until " + at + " now. That end is removed: it stays off until a person turns it on."))
		Expect(out).To(Equal("directory default: synchronization is Disabled, no longer until " + at + "\n"))
		Expect(directory(ctx).Spec).To(And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationDisabled), HaveField("ResumeAt", BeNil())))
		out, err = run(ctx, kubeconfig, "sync", "disable")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("directory default: synchronization is Disabled already\n"))
	})

	It("takes the end of a break from the API server's clock", func(ctx SpecContext) {
		for range 2 { // the second time moves the end
			_, _, err := runWith(ctx, func(p *plugin.Plugin) {
				p.Now = func() time.Time { return time.Now().Add(-time.Hour) }
			}, kubeconfig, "sync", "disable", "--yes", "--for", "10m")
			Expect(err).NotTo(HaveOccurred())
			Expect(directory(ctx).Spec.ResumeAt).To(HaveField("Time", BeTemporally("~", time.Now().Add(10*time.Minute), time.Minute)))
		}
	})

	It("does not overwrite what another person has done while it asked", func(ctx SpecContext) {
		at := metav1.NewTime(time.Now().Add(time.Hour).Truncate(time.Second))
		_, _, err := runWith(ctx, doing(func() {
			d := directory(ctx)
			d.Spec.SCIMSynchronization, d.Spec.ResumeAt = v1alpha1.SynchronizationDisabled, &at
			Expect(cluster.Update(ctx, d)).To(Succeed())
		}), kubeconfig, "sync", "disable", "--for", "10m")
		Expect(err).To(MatchError("the directory was changed meanwhile: look at it (kubectl cloudsso status -n default) and run this again: nothing was changed"))
		Expect(directory(ctx).Spec.ResumeAt.Equal(&at)).To(BeTrue())
	})

	It("refuses a limited break if the cluster's CRD is too old for it", func(ctx SpecContext) {
		account := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			Expect(r.Method != http.MethodPatch || r.URL.Query().Get("fieldValidation") == metav1.FieldValidationStrict).To(BeTrue())
			if r.Method == http.MethodPatch { // a field that this CRD does not have
				body, err := io.ReadAll(r.Body)
				Expect(err).NotTo(HaveOccurred())
				body = bytes.ReplaceAll(body, []byte("/spec/resumeAt"), []byte("/spec/unknownField"))
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			}
			pass.ServeHTTP(w, r)
		})
		_, err := run(ctx, account, "sync", "disable", "--yes", "--for", "10m")
		Expect(err).To(MatchError(ContainSubstring(`unknown field "spec.unknownField"`)))
		Expect(position(ctx)).To(Equal(v1alpha1.SynchronizationEnabled))
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

	It("warns of a tool that turns the change back, and not if Git leaves the switch out", func(ctx SpecContext) {
		changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "acme"}
		})
		_, stderr, err := runAt(ctx, nil, kubeconfig, "sync", "disable", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).NotTo(ContainSubstring("warning"))
		switchBy(ctx, "kustomize-controller")
		_, stderr, err = runAt(ctx, nil, kubeconfig, "sync", "disable", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(stderr).To(HavePrefix("warning: Flux applies the switch of this directory, and may turn the change back"))
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
		Expect(stderr).To(ContainSubstring("Refused writes to directory default: 3. The last ones:\n  " + refused.UTC().Format(time.RFC3339) + " PATCH Users/ada�2J\n"))
		Expect(directory(ctx).Annotations).To(BeEmpty())
		out, err := run(ctx, kubeconfig, "resync", "--yes")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(HaveSuffix("are acknowledged\n"))
		Expect(directory(ctx).Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationResynced, refused.Add(time.Second).UTC().Format(time.RFC3339)),
			"after the writes that it has shown, whatever the clock of this machine says")
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
			d.Status.ActivatedAt = new(metav1.Now())
		})
		switchBy(ctx, "argocd-controller")
		_, err := run(ctx, kubeconfig, "delete-user", "user-001", "--yes")
		Expect(err).To(MatchError(And(ContainSubstring("argocd-controller applies the switch of CloudSSODirectory default of namespace default"),
			ContainSubstring("nothing was changed"), ContainSubstring("Set spec.scimSynchronization to Disabled at the source"))))
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

	Context("of a synchronized user", func() {
		BeforeEach(func(ctx SpecContext) {
			changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
				d.Spec.SCIMSynchronization, d.Status.ActivatedAt = v1alpha1.SynchronizationEnabled, new(metav1.Now())
			})
		})

		leaver := func(ctx context.Context, finalizers ...string) *v1alpha1.CloudSSOUser {
			GinkgoHelper()
			u := newUser("leaver", "leaver@example.com")
			u.Spec.Source, u.Finalizers = v1alpha1.SourceSCIM, finalizers
			create(ctx, u)
			DeferCleanup(func(ctx SpecContext) {
				Expect(client.IgnoreNotFound(cluster.Patch(ctx, u, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))).To(Succeed())
			})
			return u
		}
		isOn := And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil()))

		It("says what the break permits", func(ctx SpecContext) {
			leaver(ctx)
			_, stderr, err := runAt(ctx, []string{"y\n"}, kubeconfig, "delete-user", "leaver")
			Expect(err).NotTo(HaveOccurred())
			Expect(stderr).To(ContainSubstring("people with the right in RBAC can change and delete all synchronized users and groups, and delete the directory"))
			Expect(isThere(ctx, "leaver")).To(BeFalse())
			Expect(directory(ctx).Spec).To(isOn)
		})

		It("ends well without a break if the user is gone when the question is answered", func(ctx SpecContext) {
			u, generation := leaver(ctx), directory(ctx).Generation
			out, _, err := runWith(ctx, doing(func() { Expect(cluster.Delete(ctx, u)).To(Succeed()) }), kubeconfig, "delete-user", "leaver")
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(Equal("cloudssouser default/leaver is gone already\n"))
			Expect(directory(ctx).Generation).To(Equal(generation))
		})

		It("leaves the switch alone if the person lacks the right to delete", func(ctx SpecContext) {
			leaver(ctx)
			generation := directory(ctx).Generation
			account := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				r.Header.Set("Impersonate-User", "operator-on-duty")
				pass.ServeHTTP(w, r)
			})
			grant := func(o client.Object) {
				Expect(cluster.Create(ctx, o)).To(Succeed())
				DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, o)).To(Succeed()) })
			}
			grant(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "duty"}, Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list", "patch"}},
			}})
			grant(&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "duty"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "duty"}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "operator-on-duty"}},
			})
			Eventually(func() error {
				_, err := run(ctx, account, "delete-user", "leaver", "--yes")
				return err
			}).Should(MatchError(HavePrefix("you lack the right to delete cloudssousers of cloudsso.dev in namespace default: nothing was changed")))
			Expect(directory(ctx).Generation).To(Equal(generation))
		})

		It("refuses the break of another person, and one that the operator would not end", func(ctx SpecContext) {
			leaver(ctx)
			_, err := run(ctx, kubeconfig, "sync", "disable", "--yes", "--for", "10m")
			Expect(err).NotTo(HaveOccurred())
			at := directory(ctx).Spec.ResumeAt.UTC().Format(time.RFC3339)
			_, err = run(ctx, kubeconfig, "delete-user", "leaver", "--yes")
			Expect(err).To(MatchError(HavePrefix("the synchronization of directory default is Disabled until " + at + " already: nothing was changed. Wait until then")))
			changeDirectory(ctx, func(d *v1alpha1.CloudSSODirectory) {
				d.Spec.SCIMSynchronization, d.Spec.ResumeAt, d.Status.ActivatedAt = v1alpha1.SynchronizationEnabled, nil, nil
			})
			_, err = run(ctx, kubeconfig, "delete-user", "leaver", "--yes")
			Expect(err).To(MatchError(And(HavePrefix("directory default is not activated"), ContainSubstring("kubectl cloudsso sync disable -n default"))))
			Expect(isThere(ctx, "leaver")).To(BeTrue())
		})

		// interruptedOnceDeleted runs delete-user, does something when the deletion has begun, and interrupts it.
		interruptedOnceDeleted := func(ctx context.Context, then func()) error {
			interrupted, interrupt := context.WithCancel(ctx)
			account := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				pass.ServeHTTP(w, r)
				if r.Method == http.MethodDelete {
					then()
					interrupt()
				}
			})
			_, err := run(interrupted, account, "delete-user", "leaver", "--yes")
			return err
		}

		It("says that the deletion is held if the guard is not off when it is interrupted", func(ctx SpecContext) {
			leaver(ctx, v1alpha1.FinalizerGuard)
			Expect(interruptedOnceDeleted(ctx, func() {})).To(MatchError(And(
				ContainSubstring("its deletion has begun, and is held while synchronization is on"), ContainSubstring("delete it again then"))))
			Expect(directory(ctx).Spec).To(isOn)
		})

		It("names the finalizers of others", func(ctx SpecContext) {
			leaver(ctx, "example.com/hold")
			Expect(interruptedOnceDeleted(ctx, func() {})).To(MatchError(ContainSubstring("waits for its finalizers (example.com/hold)")))
			Expect(directory(ctx).Spec).To(isOn)
		})

		It("ends its break if the directory was changed in other fields, and not the break of another person", func(ctx SpecContext) {
			leaver(ctx, "example.com/hold")
			change := func(change func(*v1alpha1.CloudSSODirectorySpec)) func() {
				return func() {
					d := directory(ctx)
					change(&d.Spec)
					Expect(cluster.Update(ctx, d)).To(Succeed())
				}
			}
			Expect(interruptedOnceDeleted(ctx, change(func(spec *v1alpha1.CloudSSODirectorySpec) {
				spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(10)), Window: metav1.Duration{Duration: time.Hour}}
			}))).To(MatchError(Not(ContainSubstring("changed meanwhile"))))
			Expect(directory(ctx).Spec).To(isOn)
			Expect(interruptedOnceDeleted(ctx, change(func(spec *v1alpha1.CloudSSODirectorySpec) { spec.ResumeAt = nil }))).To(
				MatchError(ContainSubstring("the directory was changed meanwhile, and its synchronization is Disabled until a person turns it on")))
			Expect(directory(ctx).Spec).To(HaveField("SCIMSynchronization", v1alpha1.SynchronizationDisabled))
		})

		It("ends a break whose begin it did not see", func(ctx SpecContext) {
			leaver(ctx)
			lost := proxiedBy(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
				if r.Method == http.MethodPatch && !r.URL.Query().Has("dryRun") && directory(ctx).Spec.ResumeAt == nil {
					pass.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				}
				pass.ServeHTTP(w, r)
			})
			_, stderr, err := runAt(ctx, nil, lost, "delete-user", "leaver", "--yes")
			Expect(err).To(MatchError(HavePrefix("turning synchronization off: ")))
			Expect(stderr).To(Equal("directory default: synchronization is Enabled\n"))
			Expect(directory(ctx).Spec).To(isOn)
			Expect(isThere(ctx, "leaver")).To(BeTrue())
		})
	})
})
