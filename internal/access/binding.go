package access

import (
	"fmt"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// MaxSubjects is how many subjects a binding has at most: taking one out of 100 takes the API server 6 ms, one out of 500
// takes 12.
const MaxSubjects = 100

// labelManagedBy is a label that Kubernetes recommends.
const labelManagedBy = "app.kubernetes.io/managed-by"

// managedBy is the value of labelManagedBy on every binding.
const managedBy = "cloudsso-operator"

// BindingName returns the name of an assignment's binding, in a namespace or in the cluster.
func BindingName(directory, assignment string, number int) string {
	return fmt.Sprintf("cloudsso:%s:%s:%d", directory, assignment, number)
}

// nameParts is how many parts BindingName joins by colons. None of them can have a colon.
const nameParts = 4

// ParseBindingName returns what BindingName has made a name of. It reports false for a name that BindingName does not make.
func ParseBindingName(name string) (directory, assignment string, number int, ok bool) {
	parts := strings.SplitN(name, ":", nameParts+1)
	if len(parts) != nameParts {
		return "", "", 0, false
	}
	number, err := strconv.Atoi(parts[3])
	return parts[1], parts[2], number, err == nil && number >= 0 && name == BindingName(parts[1], parts[2], number)
}

// Origin is what a binding says about where it comes from.
type Origin struct {
	// Directory is the namespace of the assignment, and Assignment its name.
	Directory, Assignment string
	// Kind and Principal are the kind and the metadata.name of the object that the subjects have the role through.
	Kind      v1alpha1.PrincipalKind
	Principal string
}

// OriginOf returns what a binding says about where it comes from. What is missing is "".
func OriginOf(binding metav1.Object) Origin {
	kind, principal, _ := strings.Cut(binding.GetAnnotations()[v1alpha1.AnnotationPrincipal], "/")
	return Origin{
		Directory: binding.GetLabels()[v1alpha1.LabelDirectory], Assignment: binding.GetLabels()[v1alpha1.LabelAssignment],
		Kind: v1alpha1.PrincipalKind(kind), Principal: principal,
	}
}

// Write writes the origin into a binding. Other labels and annotations stay.
func (o Origin) Write(binding metav1.Object) {
	labels, annotations := binding.GetLabels(), binding.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels[v1alpha1.LabelDirectory], labels[v1alpha1.LabelAssignment], labels[labelManagedBy] = o.Directory, o.Assignment, managedBy
	labels[v1alpha1.LabelExcludeFromBackup] = "true"
	annotations[v1alpha1.AnnotationPrincipal] = string(o.Kind) + "/" + o.Principal
	binding.SetLabels(labels)
	binding.SetAnnotations(annotations)
}

// KeepOrigin removes from a binding the labels and annotations that Write does not write.
func KeepOrigin(binding metav1.Object) {
	binding.SetLabels(only(binding.GetLabels(), v1alpha1.LabelDirectory, v1alpha1.LabelAssignment, v1alpha1.LabelExcludeFromBackup, labelManagedBy))
	binding.SetAnnotations(only(binding.GetAnnotations(), v1alpha1.AnnotationPrincipal))
}

// only returns the entries of a map that have one of the keys.
func only(all map[string]string, keys ...string) map[string]string {
	kept := make(map[string]string, len(keys))
	for _, key := range keys {
		if value, found := all[key]; found {
			kept[key] = value
		}
	}
	return kept
}

// Subjects returns the subjects of Kubernetes user names.
func Subjects(names []string) []rbacv1.Subject {
	all := make([]rbacv1.Subject, len(names))
	for i, name := range names {
		all[i] = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
	}
	return all
}

// NamesOf returns the Kubernetes user names among subjects. It reports false if there is another subject beside them.
func NamesOf(subjects []rbacv1.Subject) (names []string, onlyUsers bool) {
	onlyUsers = true
	for _, s := range subjects {
		if s.Kind != rbacv1.UserKind || s.APIGroup != rbacv1.GroupName || s.Namespace != "" {
			onlyUsers = false
			continue
		}
		names = append(names, s.Name)
	}
	return names, onlyUsers
}

// RoleRef returns the role of an assignment as a binding has it.
func RoleRef(ref v1alpha1.AccessRoleRef) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: string(ref.Kind), Name: ref.Name}
}
