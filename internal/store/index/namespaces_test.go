package index

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Each namespace of a shard has an informer of its own, so a list of one does not hide the watched events of another.
func TestListOfOneNamespaceLeavesTheEventsOfAnother(t *testing.T) {
	listed := map[string]uint64{"globex": 9}
	x := New(func(*v1alpha1.CloudSSOUser) Keys { return Keys{} }, func(namespace string) uint64 { return listed[namespace] })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for namespace, watched := range map[string]bool{"acme": true, "globex": false} {
		x.OnAdd(&v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alice", ResourceVersion: "5"}}, false)
		if err := x.WaitForRevision(ended, namespace, 5); (err == nil) != watched {
			t.Errorf("%s: an event at revision 5 counts as watched: %t, not %t", namespace, err == nil, watched)
		}
	}
}
