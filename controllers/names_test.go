package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	protocol "github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// namedKind is a kind of object whose names are unique.
type namedKind struct {
	resource          *schema.ResourceType
	conflict, pending string // reasons of Ready
	// post creates an object as a SCIM request does.
	post func(ctx context.Context, name string) client.Object
	// draft returns an object that is not created yet.
	draft func(metadataName, name string, source v1alpha1.Source) client.Object
}

// create creates an object as a person does: nothing is claimed for it.
func (k namedKind) create(ctx context.Context, metadataName, name string, source v1alpha1.Source) client.Object {
	GinkgoHelper()
	o := k.draft(metadataName, name, source)
	Expect(admin.Create(ctx, o)).To(Succeed())
	return o
}

// attributes returns the SCIM attributes of an object of that name.
func (k namedKind) attributes(name string) schema.Object {
	return schema.Object{}.With(k.attribute(), name)
}

// attribute returns the SCIM attribute that has the name.
func (k namedKind) attribute() *schema.Attribute {
	if k.resource == schema.Group {
		return schema.GroupDisplayName
	}
	return schema.UserName
}

var namedKinds = []namedKind{
	{
		resource: schema.User, conflict: v1alpha1.ReasonUserNameConflict, pending: v1alpha1.ReasonUserNamePending,
		post: func(ctx context.Context, name string) client.Object { return postUser(ctx, name) },
		draft: func(metadataName, name string, source v1alpha1.Source) client.Object {
			return newUser(metadataName, name, source)
		},
	},
	{
		resource: schema.Group, conflict: v1alpha1.ReasonDisplayNameConflict, pending: v1alpha1.ReasonDisplayNamePending,
		post: func(ctx context.Context, name string) client.Object { return postGroup(ctx, name) },
		draft: func(metadataName, name string, source v1alpha1.Source) client.Object {
			return newGroup(metadataName, name, source)
		},
	},
}

func sourceOf(o client.Object) v1alpha1.Source {
	if u, ok := o.(*v1alpha1.CloudSSOUser); ok {
		return u.Spec.Source
	}
	return o.(*v1alpha1.CloudSSOGroup).Spec.Source //nolint:errcheck,forcetypeassert // there is no other kind
}

// names returns the name in an object's spec, and the name that its status says it has claimed.
func names(o client.Object) (name, claimed string) {
	if u, ok := o.(*v1alpha1.CloudSSOUser); ok {
		return u.Spec.UserName, u.Status.ClaimedName
	}
	g := o.(*v1alpha1.CloudSSOGroup) //nolint:errcheck,forcetypeassert // there is no other kind
	return g.Spec.DisplayName, g.Status.ClaimedName
}

func rename(ctx context.Context, o client.Object, name string) {
	GinkgoHelper()
	modify(ctx, o, func(o client.Object) {
		switch o := o.(type) {
		case *v1alpha1.CloudSSOUser:
			o.Spec.UserName = name
		case *v1alpha1.CloudSSOGroup:
			o.Spec.DisplayName = name
		}
	})
}

// holdsName returns a function that rereads an object and reports whether its status says that it has its name: an active
// SCIM user needs no condition, and a Manual object has status.claimedName.
func holdsName(ctx context.Context, o client.Object) func() bool {
	return func() bool {
		reason := readiness(ctx, o)()
		name, claimed := names(o)
		u, isUser := o.(*v1alpha1.CloudSSOUser)
		switch {
		case sourceOf(o) == manual:
			return reason == v1alpha1.ReasonReady && claimed == name
		case isUser:
			return u.Status.State == v1alpha1.UserActive && (reason == "" || reason == v1alpha1.ReasonReady) && claimed == ""
		}
		return reason == v1alpha1.ReasonReady && claimed == ""
	}
}

// claimOn returns the claim on a name, or nil.
func claimOn(ctx context.Context, name nameclaim.Name) *v1alpha1.CloudSSONameClaim {
	GinkgoHelper()
	claim := &v1alpha1.CloudSSONameClaim{}
	err := admin.Get(ctx, name.Key(), claim)
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	if err != nil {
		return nil
	}
	return claim
}

// holderOf returns a function that returns the holder of the claim on an object's name, or "" if there is no claim.
func holderOf(ctx context.Context, o client.Object) func() string {
	name := nameclaim.NameOf(o)
	return func() string {
		if claim := claimOn(ctx, name); claim != nil {
			return claim.Spec.Holder
		}
		return ""
	}
}

// claim creates a claim on an object's name for a holder, as a request or an earlier operator has left it.
func claim(ctx context.Context, o client.Object, holder string, acquiredAt time.Time) *v1alpha1.CloudSSONameClaim {
	GinkgoHelper()
	name := nameclaim.NameOf(o)
	c := &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name.Key().Name},
		Spec:       v1alpha1.CloudSSONameClaimSpec{Kind: name.Kind, Name: name.Folded, Holder: holder, AcquiredAt: metav1.NewMicroTime(acquiredAt)},
	}
	Expect(admin.Create(ctx, c)).To(Succeed())
	return c
}

// switchOff turns the switch off, and returns once the operator has seen it.
func switchOff(ctx context.Context) {
	GinkgoHelper()
	turn(ctx, v1alpha1.SynchronizationDisabled)
	Eventually(func() v1alpha1.Synchronization { return directoryOf(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationDisabled))
}

// releases are the ways in which an object leaves its name to another.
var releases = []struct {
	how    string
	source v1alpha1.Source
	do     func(context.Context, namedKind, client.Object)
}{
	{"is deleted over SCIM", scim, func(ctx context.Context, k namedKind, o client.Object) {
		Expect(resources.In(namespace).Delete(ctx, k.resource, o.GetName(), nil)).Error().NotTo(HaveOccurred())
	}},
	{"is renamed over SCIM", scim, func(ctx context.Context, k namedKind, o client.Object) {
		_, err := resources.In(namespace).Update(ctx, k.resource, o.GetName(), protocol.Change{
			Attributes: func(current schema.Object) (schema.Object, error) {
				return current.With(k.attribute(), "Personnel"), nil
			},
		})
		Expect(err).NotTo(HaveOccurred())
	}},
	{"is renamed", manual, func(ctx context.Context, _ namedKind, o client.Object) { rename(ctx, o, "Personnel") }},
	{"is deleted", manual, func(ctx context.Context, _ namedKind, o client.Object) {
		Expect(admin.Delete(ctx, o)).To(Succeed())
	}},
}

var _ = Describe("a name", func() {
	for _, kind := range namedKinds {
		Context("of a "+kind.resource.Name, func() {
			It("is claimed for an object that a person creates", func(ctx SpecContext) {
				o := kind.create(ctx, "first", "Staff", manual)
				Eventually(holdsName(ctx, o)).Should(BeTrue())
				Expect(holderOf(ctx, o)()).To(Equal("first"))
			})

			It("is claimed, and the former one released, when a person renames an object", func(ctx SpecContext) {
				o := kind.create(ctx, "first", "Staff", manual)
				Eventually(holdsName(ctx, o)).Should(BeTrue())
				former := holderOf(ctx, o)
				rename(ctx, o, "Personnel")
				Eventually(holdsName(ctx, o)).Should(BeTrue())
				Expect(holderOf(ctx, o)()).To(Equal("first"))
				Eventually(former).Should(BeEmpty())
			})

			It("is claimed for a SCIM object that a person creates while the switch is Disabled", func(ctx SpecContext) {
				switchOff(ctx)
				o := kind.create(ctx, "first", "Staff", scim)
				Eventually(holderOf(ctx, o)).Should(Equal("first"))
				second := kind.create(ctx, "second", "STAFF", scim)
				Eventually(readiness(ctx, second)).Should(Equal(kind.conflict))
				Eventually(holdsName(ctx, o)).Should(BeTrue())
			})

			for _, release := range releases {
				for _, source := range []v1alpha1.Source{scim, manual} {
					It(fmt.Sprintf("stays with its %s holder, and is a %s object's once the holder %s", release.source, source, release.how), func(ctx SpecContext) {
						var holder client.Object
						if release.source == scim {
							holder = kind.post(ctx, "Staff")
						} else {
							holder = kind.create(ctx, "first", "Staff", manual)
						}
						Eventually(holdsName(ctx, holder)).Should(BeTrue())
						second := kind.create(ctx, "second", "ＳＴＡＦＦ", source) // of full width: NFKC and case folding make them one
						Eventually(readiness(ctx, second)).Should(Equal(kind.conflict))
						Expect(holdsName(ctx, second)()).To(BeFalse())
						_, claimed := names(second)
						Expect(claimed).To(BeEmpty())
						Eventually(reasonsOf(ctx, "second")).Should(ContainElement(kind.conflict))
						Expect(holdsName(ctx, holder)()).To(BeTrue())
						Expect(holderOf(ctx, second)()).To(Equal(holder.GetName()))

						release.do(ctx, kind, holder)
						Eventually(holdsName(ctx, second)).Should(BeTrue())
						if source == manual {
							Expect(holderOf(ctx, second)()).To(Equal("second"))
						}
					})
				}
			}

			It("that no object has claimed is a SCIM object's rather than an older Manual one's, and the oldest's of those", Serial, func(ctx SpecContext) {
				stopManager()
				handMade := kind.create(ctx, "a", "Staff", manual)
				oldest := kind.create(ctx, "b", "Staff", scim)
				youngest := kind.create(ctx, "c", "Staff", scim)
				startManager()
				for _, o := range []client.Object{handMade, youngest} {
					Eventually(readiness(ctx, o)).Should(Equal(kind.conflict))
				}
				Expect(holderOf(ctx, oldest)()).To(Equal("b"))
				Eventually(holdsName(ctx, oldest)).Should(BeTrue())
			})

			// A request releases a claim only as it has read it before the deletion.
			It("stays as it is when a controller looks at a holder that has just been deleted", Serial, func(ctx SpecContext) {
				holder := kind.post(ctx, "Staff")
				second := kind.create(ctx, "second", "Staff", manual)
				Eventually(readiness(ctx, second)).Should(Equal(kind.conflict))
				stopManager()
				DeferCleanup(func() { startManager() })
				reread(ctx, holder)
				before := claimOn(ctx, nameclaim.NameOf(holder))
				modify(ctx, holder, func(o client.Object) { o.SetFinalizers(nil) })
				Expect(admin.Delete(ctx, holder)).To(Succeed())
				names := controllerutil.NameOwner{Names: resources, Claims: resources.Claims()}
				holding, err := names.Determine(ctx, holder, "", policy.SwitchEnabled)
				Expect(err).NotTo(HaveOccurred())
				Expect(holding.Undecided).To(BeTrue())
				Expect(claimOn(ctx, nameclaim.NameOf(holder)).ResourceVersion).To(Equal(before.ResourceVersion))
			})

			It("of a holder that SCIM deletes is a waiting SCIM object's rather than a request's", func(ctx SpecContext) {
				first := kind.post(ctx, "Staff")
				second := kind.create(ctx, "second", "Staff", scim)
				Eventually(readiness(ctx, second)).Should(Equal(kind.conflict))
				Expect(resources.In(namespace).Delete(ctx, kind.resource, first.GetName(), nil)).Error().NotTo(HaveOccurred())
				Eventually(holdsName(ctx, second)).Should(BeTrue())
				_, err := resources.In(namespace).Create(ctx, kind.resource, kind.attributes("Staff"), nil)
				Expect(err).To(HaveField("Status", http.StatusConflict))
				Expect(holderOf(ctx, second)()).To(Equal("second"))
			})

			It("that a request has claimed is pending, and is a Manual object's after a minute", func(ctx SpecContext) {
				o := kind.draft("first", "Staff", manual)
				claim(ctx, o, "request-under-way", clock.Now())
				Expect(admin.Create(ctx, o)).To(Succeed())
				Eventually(readiness(ctx, o)).Should(Equal(kind.pending))
				Expect(holdsName(ctx, o)()).To(BeFalse())
				clock.Advance(time.Minute)
				Eventually(holdsName(ctx, o)).Should(BeTrue())
				Expect(holderOf(ctx, o)()).To(Equal("first"))
			})

			It("whose claim was acquired ten minutes ago for an object that has not come is a Manual object's at once", func(ctx SpecContext) {
				o := kind.draft("first", "Staff", manual)
				claim(ctx, o, "failed-request", clock.Now().Add(-10*time.Minute))
				Expect(admin.Create(ctx, o)).To(Succeed())
				Eventually(holdsName(ctx, o)).Should(BeTrue())
				Expect(holderOf(ctx, o)()).To(Equal("first"))
			})

			It("that another object claims before its request creates it is not taken by a person's", func(ctx SpecContext) {
				o := kind.draft("first", "Staff", manual)
				claim(ctx, o, "request-under-way", clock.Now())
				Expect(admin.Create(ctx, o)).To(Succeed())
				Eventually(readiness(ctx, o)).Should(Equal(kind.pending))
				Expect(admin.Create(ctx, kind.draft("request-under-way", "Staff", scim))).To(Succeed())
				Eventually(readiness(ctx, o)).Should(Equal(kind.conflict))
				Expect(holderOf(ctx, o)()).To(Equal("request-under-way"))
			})
		})
	}
})

var _ = Describe("the other objects of a name", func() {
	type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]
	namesakes := func() handler.EventHandler { return controllerutil.NewNamesakes(resources).Enqueue() }
	for _, end := range []struct {
		how  string
		send func(context.Context, queue, client.Object)
	}{
		{"is deleted without finalizers", func(ctx context.Context, q queue, o client.Object) {
			namesakes().Delete(ctx, event.DeleteEvent{Object: o}, q)
		}},
		{"is gone before the index is asked about its last change", func(ctx context.Context, q queue, o client.Object) {
			namesakes().Update(ctx, event.UpdateEvent{ObjectOld: o, ObjectNew: o}, q)
		}},
	} {
		It("are reconciled when an object "+end.how, func(ctx SpecContext) {
			waiting := postUser(ctx, "bob")
			gone := newUser("gone", "bob", scim)
			gone.ResourceVersion = waiting.ResourceVersion
			q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
			defer q.ShutDown()
			end.send(ctx, q, gone)
			Expect(q.Len()).To(BeNumerically(">", 0))
			request, _ := q.Get()
			Expect(request.NamespacedName).To(Equal(client.ObjectKeyFromObject(waiting)))
		})
	}
})
