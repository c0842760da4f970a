package store

import (
	"strconv"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// The namespace of a pending write may never be read again.
func TestPendingWritesThatAreShownAreForgotten(t *testing.T) {
	c := &collection[*v1alpha1.CloudSSOUser]{kind: userKind}
	c.index = index.New(userKeys, func(string) uint64 { return 0 })
	user := func(namespace string, revision int) *v1alpha1.CloudSSOUser {
		u := &v1alpha1.CloudSSOUser{}
		u.Namespace, u.Name, u.ResourceVersion = namespace, "alice", strconv.Itoa(revision)
		return u
	}
	pend := func(u *v1alpha1.CloudSSOUser) {
		isSeen := func() bool { return c.index.HasSeen(u) }
		c.pending.add(client.ObjectKeyFromObject(u), &pendingWrite[*v1alpha1.CloudSSOUser]{shows(u), isSeen})
	}
	pend(user("acme", 1))
	pend(user("globex", 2))
	if n := c.pending.count.Load(); n != 2 {
		t.Errorf("%d are pending", n)
	}
	c.index.OnAdd(user("acme", 1), false)
	pend(user("initech", 3))
	if len(c.pending.in("acme")) != 0 || len(c.pending.in("globex")) != 1 || c.pending.count.Load() != 2 {
		t.Errorf("%v are pending", c.pending.byKey)
	}
}
