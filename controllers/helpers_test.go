package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const (
	scim   = v1alpha1.SourceSCIM
	manual = v1alpha1.SourceManual
)

func newUser(name, userName string, source v1alpha1.Source) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: source, UserName: userName},
	}
}

// createUser creates a user as a person does: nothing is claimed for it.
func createUser(ctx context.Context, name, userName string, source v1alpha1.Source) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	u := newUser(name, userName, source)
	Expect(admin.Create(ctx, u)).To(Succeed())
	return u
}

// postUser creates a user as a SCIM request does.
func postUser(ctx context.Context, userName string) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	attributes := schema.Object{}.With(schema.UserName, userName).With(schema.Active, true)
	posted, err := resources.In(namespace).Create(ctx, schema.User, attributes, nil)
	Expect(err).NotTo(HaveOccurred())
	u := newUser(posted.ID, userName, scim)
	reread(ctx, u)
	return u
}

// postGroup creates a group as a SCIM request does.
func postGroup(ctx context.Context, displayName string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	posted, err := resources.In(namespace).Create(ctx, schema.Group, schema.Object{}.With(schema.GroupDisplayName, displayName), nil)
	Expect(err).NotTo(HaveOccurred())
	g := newGroup(posted.ID, displayName, scim)
	reread(ctx, g)
	return g
}

func newGroup(name, displayName string, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	return &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: displayName, Members: membersOf(members...)},
	}
}

// createGroup creates a group as a person does: nothing is claimed for it.
func createGroup(ctx context.Context, name, displayName string, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := newGroup(name, displayName, source, members...)
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

func membersOf(names ...string) (members []v1alpha1.Member) {
	for _, name := range names {
		members = append(members, v1alpha1.Member{Name: name})
	}
	return members
}

// modify changes an object as a person does.
func modify[T client.Object](ctx context.Context, o T, change func(T)) {
	GinkgoHelper()
	before, ok := o.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	change(o)
	Expect(admin.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
}

func reread(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
}

// readiness returns a function that rereads a user or group and returns the reason of its Ready condition, if that was
// computed from the present spec. The conditions of a synchronized user do not say from which.
func readiness(ctx context.Context, o client.Object) func() string {
	return func() string {
		reread(ctx, o)
		c := meta.FindStatusCondition(conditionsOf(o), v1alpha1.ConditionReady)
		u, isUser := o.(*v1alpha1.CloudSSOUser)
		switch isSynchronizedUser := isUser && u.Spec.Source == scim; {
		case c == nil, !isSynchronizedUser && c.ObservedGeneration != o.GetGeneration():
			return ""
		}
		return c.Reason
	}
}

func conditionsOf(o client.Object) []metav1.Condition {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return o.Status.Conditions
	case *v1alpha1.CloudSSOGroup:
		return o.Status.Conditions
	}
	return nil
}

// stateOf returns a function that rereads a user and returns its state.
func stateOf(ctx context.Context, u *v1alpha1.CloudSSOUser) func() v1alpha1.UserState {
	return func() v1alpha1.UserState {
		reread(ctx, u)
		return u.Status.State
	}
}

// reasonsOf returns a function that returns the reasons of the Events on an object.
func reasonsOf(ctx context.Context, name string) func() []string {
	return func() (reasons []string) {
		var all eventsv1.EventList
		Expect(admin.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		for _, e := range all.Items {
			if e.Regarding.Name == name {
				reasons = append(reasons, e.Reason)
			}
		}
		return reasons
	}
}

func directoryOf(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	return d
}

func turn(ctx context.Context, position v1alpha1.Synchronization) {
	GinkgoHelper()
	d := directoryOf(ctx)
	before := d.DeepCopy()
	d.Spec.SCIMSynchronization = position
	Expect(admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
}

func isGone(ctx context.Context, o client.Object) func() bool {
	return func() bool { return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o)) }
}
