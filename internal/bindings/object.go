package bindings

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// Object is a RoleBinding or a ClusterRoleBinding.
type Object struct {
	client.Object
	RoleRef  rbacv1.RoleRef
	Subjects []rbacv1.Subject
}

// newObject returns an Object that shares a RoleBinding or ClusterRoleBinding; nil for any other object.
func newObject(o any) *Object {
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		return &Object{o, o.RoleRef, o.Subjects}
	case *rbacv1.ClusterRoleBinding:
		return &Object{o, o.RoleRef, o.Subjects}
	}
	return nil
}

// makeObject returns the object of a binding that does not exist yet.
func makeObject(key objectKey, role rbacv1.RoleRef, subjects []rbacv1.Subject) client.Object {
	o := key.empty()
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		o.RoleRef, o.Subjects = role, subjects
	case *rbacv1.ClusterRoleBinding:
		o.RoleRef, o.Subjects = role, subjects
	}
	return o
}

// setSubjects replaces the subjects of a RoleBinding or ClusterRoleBinding.
func setSubjects(o client.Object, subjects []rbacv1.Subject) {
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		o.Subjects = subjects
	case *rbacv1.ClusterRoleBinding:
		o.Subjects = subjects
	}
}

// objectKey identifies a binding. Target is its namespace; "" for a ClusterRoleBinding.
type objectKey struct{ Target, Name string }

func keyOf(o client.Object) objectKey { return objectKey{o.GetNamespace(), o.GetName()} }

// String returns the key as a message has it.
func (k objectKey) String() string {
	if k.Target == "" {
		return "ClusterRoleBinding " + k.Name
	}
	return "RoleBinding " + k.Target + "/" + k.Name
}

// empty returns an object of that kind, namespace and name.
func (k objectKey) empty() client.Object {
	meta := metav1.ObjectMeta{Namespace: k.Target, Name: k.Name}
	if k.Target == "" {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: meta}
	}
	return &rbacv1.RoleBinding{ObjectMeta: meta}
}

// entry is a projected binding. It does not change.
type entry struct {
	key objectKey
	// object is shared: read only.
	object *Object
	// origin is what the name says of directory and assignment, which cannot be edited, and the annotation of the principal.
	origin access.Origin
	number int
	names  []string // the Kubernetes user names among the subjects
}

// newEntry returns the entry of a binding; nil if the name is not that of a projected one.
func newEntry(o *Object) *entry {
	if o == nil {
		return nil
	}
	directory, assignment, number, ok := access.ParseBindingName(o.GetName())
	if !ok {
		return nil
	}
	origin := access.OriginOf(o)
	origin.Directory, origin.Assignment = directory, assignment
	e := &entry{key: keyOf(o), object: o, origin: origin, number: number}
	e.names, _ = access.NamesOf(o.Subjects)
	return e
}

func (e *entry) assignment() types.NamespacedName {
	return types.NamespacedName{Namespace: e.origin.Directory, Name: e.origin.Assignment}
}
