package access

import (
	"maps"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// A cached binding that lacked a label of its origin would be written again at each look.
func TestKeptOriginIsWhatWasWritten(t *testing.T) {
	b := &rbacv1.RoleBinding{}
	Origin{Directory: "acme", Assignment: "staff", Kind: "CloudSSOGroup", Principal: "staff-x7k2p"}.Write(b)
	written := b.DeepCopy()
	b.Labels["example.com/a"], b.Annotations["example.com/b"] = "of another hand", "as well"
	KeepOrigin(b)
	if !maps.Equal(b.Labels, written.Labels) || !maps.Equal(b.Annotations, written.Annotations) {
		t.Errorf("of %v and %v it keeps %v and %v", written.Labels, written.Annotations, b.Labels, b.Annotations)
	}
}
