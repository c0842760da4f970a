package controllers_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	claims "github.com/cloudsso/cloudsso-operator/controllers/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// loseClaims deletes the claims of the namespace, as a restore does, which leaves them out.
func loseClaims(ctx context.Context) {
	GinkgoHelper()
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.CloudSSONameClaim{}, client.InNamespace(namespace))).To(Succeed())
}

// changeDirectory changes the spec of the directory, after which its claims are swept.
func changeDirectory(ctx context.Context) {
	GinkgoHelper()
	modify(ctx, directoryOf(ctx), func(d *v1alpha1.CloudSSODirectory) { d.Spec.ExistingUsers = v1alpha1.ExistingUsersAdopt })
}

// isClaimed returns a function that reports whether a claim exists.
func isClaimed(ctx context.Context, c *v1alpha1.CloudSSONameClaim) func() bool {
	return func() bool { return !isGone(ctx, c.DeepCopy())() }
}

var _ = Describe("the claims of a directory", func() {
	// backdate makes the claim on a user's name as old as a claim that can be left over.
	backdate := func(ctx context.Context, u *v1alpha1.CloudSSOUser) {
		GinkgoHelper()
		c := claimOn(ctx, nameclaim.NameOf(u))
		c.Spec.AcquiredAt = metav1.NewMicroTime(clock.Now().Add(-11 * time.Minute))
		Expect(admin.Update(ctx, c)).To(Succeed())
	}

	for _, trigger := range []struct {
		name string
		do   func(context.Context)
	}{
		{"the directory is changed", changeDirectory},
		{"an operator becomes leader", func(context.Context) { stopManager(); startManager() }},
	} {
		It("are acquired again when they are lost and "+trigger.name, Serial, func(ctx SpecContext) {
			objects := []client.Object{
				postUser(ctx, "alice"), postGroup(ctx, "Staff"),
				createUser(ctx, "bob", "bob", manual), createGroup(ctx, "crew", "Crew", manual),
			}
			for _, o := range objects {
				Eventually(holdsName(ctx, o)).Should(BeTrue())
			}
			loseClaims(ctx)
			trigger.do(ctx)
			for _, o := range objects {
				Eventually(holderOf(ctx, o)).Should(Equal(o.GetName()))
			}
		})
	}

	It("are acquired again for the object that is entitled to a name, not for one in conflict", func(ctx SpecContext) {
		second := newUser("a", "alice", manual) // before the first by name
		first := postUser(ctx, "alice")
		Expect(admin.Create(ctx, second)).To(Succeed())
		Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonUserNameConflict))
		loseClaims(ctx)
		changeDirectory(ctx)
		Eventually(holderOf(ctx, first)).Should(Equal(first.Name))
		Consistently(readiness(ctx, second), "500ms").Should(Equal(v1alpha1.ReasonUserNameConflict))
	})

	It("are deleted when they are left over and older than ten minutes", func(ctx SpecContext) {
		const old = 11 * time.Minute
		renamed := createUser(ctx, "renamed", "new-name", manual)
		Eventually(holdsName(ctx, renamed)).Should(BeTrue())
		leftOver := []*v1alpha1.CloudSSONameClaim{
			claim(ctx, newUser("", "absent", scim), "absent", clock.Now().Add(-old)),
			claim(ctx, newUser("", "old-name", scim), renamed.Name, clock.Now().Add(-old)),
			claim(ctx, newGroup("", "Absent", scim), "absent", clock.Now().Add(-old)),
		}
		fresh := claim(ctx, newUser("", "fresh", scim), "request-under-way", clock.Now())
		changeDirectory(ctx)
		for _, c := range leftOver {
			Eventually(isClaimed(ctx, c)).Should(BeFalse())
		}
		Expect(isClaimed(ctx, fresh)()).To(BeTrue())
		Expect(holderOf(ctx, renamed)()).To(Equal(renamed.Name))
	})

	It("keep that of a deprovisioned user, whose suspension the next user of the name inherits", func(ctx SpecContext) {
		former := postUser(ctx, "alice")
		modify(ctx, former, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
		Eventually(stateOf(ctx, former)).Should(Equal(v1alpha1.UserSuspended))
		_, err := resources.In(namespace).Delete(ctx, schema.User, former.Name, nil)
		Expect(err).NotTo(HaveOccurred())
		backdate(ctx, former)
		marker := claim(ctx, newUser("", "left-over", scim), "absent", clock.Now().Add(-11*time.Minute))
		changeDirectory(ctx)
		Eventually(isClaimed(ctx, marker)).Should(BeFalse())
		Expect(holderOf(ctx, former)()).To(Equal(former.Name))

		next := postUser(ctx, "alice")
		Expect(next.Spec.Suspended).To(BeTrue())
		Expect(next.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationSuspendedLike, former.Name))
		Expect(holderOf(ctx, next)()).To(Equal(next.Name))
	})

	It("are acquired again for the suspended user of a name that was deprovisioned last", Serial, func(ctx SpecContext) {
		stopManager()
		var former *v1alpha1.CloudSSOUser
		for i, ago := range []time.Duration{time.Hour, time.Minute, 2 * time.Hour} {
			u := newUser(fmt.Sprint("alice-", i), "alice", scim)
			u.Spec.Suspended, u.Spec.DeprovisionedAt = true, new(metav1.NewTime(time.Now().Add(-ago)))
			Expect(admin.Create(ctx, u)).To(Succeed())
			if ago == time.Minute {
				former = u
			}
		}
		startManager()
		Eventually(holderOf(ctx, former)).Should(Equal(former.Name))
	})

	It("are not acquired for a deprovisioned user of whose name there is a live one", func(ctx SpecContext) {
		former := newUser("former", "alice", scim)
		former.Spec.Suspended, former.Spec.DeprovisionedAt = true, new(metav1.Now())
		Expect(admin.Create(ctx, former)).To(Succeed())
		live := createUser(ctx, "live", "alice", scim)
		Eventually(func() bool { return resources.HasSeen(live) }).Should(BeTrue())
		changeDirectory(ctx)
		Eventually(holderOf(ctx, live)).Should(Equal("live"))
	})

	It("are not swept before the index has every object", Serial, func(ctx SpecContext) {
		stopManager() // which would sweep them
		DeferCleanup(func() { startManager() })
		sources := &informer.Sources{}
		unsynced, err := cache.New(operator, cache.Options{Scheme: admin.Scheme(), NewInformer: sources.NewInformer})
		Expect(err).NotTo(HaveOccurred())
		index := newStore(ctx, unsynced, sources)
		leftOver := claim(ctx, newUser("", "absent", scim), "absent", clock.Now().Add(-11*time.Minute))
		r := claims.Reconciler{Base: controllerutil.Base{Client: admin}, NameOwner: controllerutil.NameOwner{Names: index, Claims: index.Claims()}}
		result, err := r.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(directoryOf(ctx))})
		Expect(err).NotTo(HaveOccurred())
		Expect(result.RequeueAfter).To(Equal(time.Second))
		Expect(isClaimed(ctx, leftOver)()).To(BeTrue())
	})
})
