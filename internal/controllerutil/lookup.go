package controllerutil

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

// Memberships finds what lists a user as a member, in an index. What it returns is shared: read only.
type Memberships interface {
	// GroupsOf returns the metadata.names of the groups, of any source, that have the user as a member.
	GroupsOf(namespace, user string) []string
	// MemberListsOf returns the groups and slices, of any source, that list the user.
	MemberListsOf(namespace, user string) []client.Object
}

// Names finds the objects that have a name, in an index.
type Names interface {
	// HasSeen reports whether the index shows a user or group as of its resourceVersion or later.
	HasSeen(o client.Object) bool
	// Namesakes returns the metadata.names of the other live objects that have the name of a user or group.
	Namesakes(o client.Object) []string
	// Holders returns, for each name of a namespace that an object should hold, the metadata.name of that object.
	Holders(namespace string) map[nameclaim.Name]string
	// Synced reports whether the index has everything that existed when its informers started.
	Synced() bool
}
