package store

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// AccessRevoker starts to take access away, on the replica that has stored the reason. Its methods return at once. They are
// called once the write is in etcd and, as a rule, in this replica's informers; a user or member may have got access again by
// then.
type AccessRevoker interface {
	// RevokeUser is told of a user who has been deactivated or deprovisioned, or may have another Kubernetes user name now.
	RevokeUser(namespace, user string)
	// RevokeMembers is told of users who have been removed from a group.
	RevokeMembers(namespace, group string, users []string)
	// RevokeGroup is told of a group that has been deleted.
	RevokeGroup(namespace, group string)
}

func (s *Store) revoke(call func(AccessRevoker)) {
	if s.Revoker != nil {
		call(s.Revoker)
	}
}

// revokeFormer tells of a change of a user that may take access away.
func (n *namespacedStore) revokeFormer(before, after *v1alpha1.CloudSSOUser) {
	if mayLoseAccess(before, after) {
		n.revoke(func(r AccessRevoker) { r.RevokeUser(n.namespace, after.Name) })
	}
}

// mayLoseAccess reports whether a user is not active after a request, or may have another Kubernetes user name, which is made
// of one of these attributes. A user who was inactive before counts: the request that has deactivated it may have failed to
// acknowledge that. A userName in another spelling counts, because Kubernetes compares exactly.
func mayLoseAccess(before, after *v1alpha1.CloudSSOUser) bool {
	return !isActive(after) ||
		before.Spec.UserName != after.Spec.UserName ||
		before.Spec.ExternalID != after.Spec.ExternalID ||
		!equality.Semantic.DeepEqual(before.Spec.Emails, after.Spec.Emails)
}

// revokeRemoved tells which members a request has removed from a group: those that it has found there, and those that it
// names, because an earlier request may have removed them and failed to acknowledge that.
func (n *namespacedStore) revokeRemoved(group string, changes []scim.MemberChange, delta *membership.Delta) {
	if n.Revoker == nil || delta.IsEmpty() {
		return
	}
	_, removed := delta.Done()
	for _, c := range changes {
		if c.Op == scim.RemoveMembers {
			removed = append(removed, c.IDs...)
		}
	}
	if slices.Sort(removed); len(removed) > 0 {
		n.Revoker.RevokeMembers(n.namespace, group, slices.Compact(removed))
	}
}
