package shard

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func user(namespace, name string) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// two is a client of two namespaces, in each of which there is a user.
func two(t *testing.T) *shardClient {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	of := func(namespace string) client.Client {
		return fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.CloudSSOUser{}).WithObjects(user(namespace, "alice")).Build()
	}
	return newClient(parts[client.Client]{"acme": of("acme"), "globex": of("globex")})
}

func TestEachNamespaceIsAskedForItsOwn(t *testing.T) {
	c, ctx := two(t), t.Context()
	for _, namespace := range []string{"acme", "globex"} {
		u := user(namespace, "alice")
		if err := c.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil {
			t.Error(err)
		}
		before := u.DeepCopy()
		u.Status.State = v1alpha1.UserActive
		if err := c.Status().Patch(ctx, u, client.MergeFrom(before)); err != nil {
			t.Error(err)
		}
		if err := c.Create(ctx, user(namespace, "bob")); err != nil {
			t.Error(err)
		}
		if err := c.Delete(ctx, user(namespace, "bob")); err != nil {
			t.Error(err)
		}
		var one v1alpha1.CloudSSOUserList
		if err := c.List(ctx, &one, client.InNamespace(namespace)); err != nil || len(one.Items) != 1 || one.Items[0].Status.State != v1alpha1.UserActive {
			t.Errorf("%s has %+v, %v", namespace, one.Items, err)
		}
	}
	var all v1alpha1.CloudSSOUserList
	if err := c.List(ctx, &all); err != nil || len(all.Items) != 2 {
		t.Errorf("together they have %+v, %v", all.Items, err)
	}
}

func TestOthersAreNotAskedFor(t *testing.T) {
	c, ctx := two(t), t.Context()
	u := user("initech", "alice")
	for what, err := range map[string]error{
		"get":    c.Get(ctx, client.ObjectKeyFromObject(u), u),
		"list":   c.List(ctx, &v1alpha1.CloudSSOUserList{}, client.InNamespace("initech")),
		"create": c.Create(ctx, u),
		"patch":  c.Patch(ctx, u, client.MergeFrom(u.DeepCopy())),
		"status": c.Status().Patch(ctx, u, client.MergeFrom(u.DeepCopy())),
	} {
		if err == nil || !strings.Contains(err.Error(), `"initech"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWithoutNamespacesAShardIsTheCluster(t *testing.T) {
	if s := New(); !s.whole() || len(s.parts) != 1 {
		t.Errorf("%+v", s)
	}
	whole := parts[int]{"": 1}
	if one, found := whole.of("acme"); !found || one != 1 {
		t.Error("a namespace is not part of the whole")
	}
	if _, found := (parts[int]{"acme": 1}).of("globex"); found {
		t.Error("a namespace is part of another")
	}
}
