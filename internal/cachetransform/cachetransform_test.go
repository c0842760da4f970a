package cachetransform_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func TestAnnotationsThatAreNotReadAreNotCached(t *testing.T) {
	for _, c := range []struct{ given, want map[string]string }{
		{map[string]string{v1alpha1.AnnotationLastChange: "{}"}, map[string]string{v1alpha1.AnnotationLastChange: ""}},
		{map[string]string{v1alpha1.AnnotationLastChange: "{}", v1alpha1.AnnotationLastModified: "x"}, map[string]string{v1alpha1.AnnotationLastChange: "", v1alpha1.AnnotationLastModified: "x"}},
		{map[string]string{lastApplied: "{}", v1alpha1.AnnotationLastChange: "{}"}, map[string]string{lastApplied: "", v1alpha1.AnnotationLastChange: ""}},
		{map[string]string{lastApplied: "{}"}, map[string]string{lastApplied: ""}},
		{nil, nil},
	} {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Annotations: maps.Clone(c.given)}}
		if _, err := cachetransform.Transform(u); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(u.Annotations, c.want) || len(c.want) == 0 && u.Annotations != nil {
			t.Errorf("%v is cached as %v", c.given, u.Annotations)
		}
	}
}

// The administrator of a namespace writes Roles, and bindings with any labels.
func TestRolesAndBindingsOfOthersTakeNoMemory(t *testing.T) {
	const large = 200_000
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: "prod", Name: name, UID: "u", ResourceVersion: "7", Finalizers: []string{"example.com/" + strings.Repeat("f", large)},
			Labels:          map[string]string{v1alpha1.LabelDirectory: "acme", v1alpha1.LabelAssignment: "pods", "example.com/a": "b"},
			Annotations:     map[string]string{"example.com/a": strings.Repeat("a", large)},
			OwnerReferences: []metav1.OwnerReference{{Name: strings.Repeat("o", large)}},
			ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		}
	}
	identity := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "prod", Name: name, UID: "u", ResourceVersion: "7"}
	}
	deleted, deletedIdentity := meta("deleted"), identity("deleted")
	deleted.DeletionTimestamp = new(metav1.Now())
	deletedIdentity.DeletionTimestamp = deleted.DeletionTimestamp
	namespace := identity("prod")
	namespace.Labels = meta("prod").Labels

	subjects, role := access.Subjects([]string{"alice"}), rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"}
	const projectedName = "cloudsso:acme:pods:0"
	projected, kept := meta(projectedName), identity(projectedName)
	origin := access.Origin{Directory: "acme", Assignment: "pods", Kind: v1alpha1.PrincipalGroup, Principal: "developers"}
	origin.Write(&projected)
	origin.Write(&kept)

	partial := func(kind string, meta metav1.ObjectMeta) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{Kind: kind}, ObjectMeta: meta}
	}
	for what, c := range map[string]struct{ given, want metav1.Object }{
		"a Role":                             {partial("Role", meta("reader")), partial("Role", identity("reader"))},
		"a ClusterRole":                      {partial("ClusterRole", meta("reader")), partial("ClusterRole", identity("reader"))},
		"a Role that is being deleted":       {partial("Role", deleted), partial("Role", deletedIdentity)},
		"a namespace, which selectors match": {partial("Namespace", meta("prod")), partial("Namespace", namespace)},
		"a RoleBinding of others":            {&rbacv1.RoleBinding{ObjectMeta: meta("mine"), RoleRef: role, Subjects: subjects}, &rbacv1.RoleBinding{ObjectMeta: identity("mine")}},
		"a ClusterRoleBinding of others":     {&rbacv1.ClusterRoleBinding{ObjectMeta: meta("mine"), RoleRef: role, Subjects: subjects}, &rbacv1.ClusterRoleBinding{ObjectMeta: identity("mine")}},
		"a projected RoleBinding":            {&rbacv1.RoleBinding{ObjectMeta: projected, RoleRef: role, Subjects: subjects}, &rbacv1.RoleBinding{ObjectMeta: kept, RoleRef: role, Subjects: subjects}},
		"a projected ClusterRoleBinding":     {&rbacv1.ClusterRoleBinding{ObjectMeta: projected, RoleRef: role, Subjects: subjects}, &rbacv1.ClusterRoleBinding{ObjectMeta: kept, RoleRef: role, Subjects: subjects}},
	} {
		if got, err := cachetransform.Transform(c.given); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is cached with more or less than is used: %v", what, err)
		}
	}
}
