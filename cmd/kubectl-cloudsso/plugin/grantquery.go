package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// GrantQuery says which grants of a directory are wanted. The zero value of a field excludes none.
type GrantQuery struct {
	// Subject is part of a Kubernetes user name, or the userName of a user.
	Subject string
	// Namespace is where the role is granted. Grants in the whole cluster are then left out.
	Namespace string
	// InCluster leaves out the grants in single namespaces.
	InCluster bool
	// Assignment is the metadata.name of an assignment.
	Assignment string
}

// GrantPart says how much of a review is read at a time.
type GrantPart struct {
	// Bindings is how many bindings are read at once, and Subjects after how many subjects a part ends. So a part has at most
	// Subjects and access.MaxSubjects for each of Bindings.
	Bindings, Subjects int
	// MaxBindings is after how many bindings a part ends that has fewer subjects.
	MaxBindings int
	// Changes says to find the last change of each grant too, which reads the slices of the groups.
	Changes bool
}

// The two parts of a review: the bindings in namespaces, and after them those of the cluster. A token begins with the part.
const (
	partNamespaces = "namespaces"
	partCluster    = "cluster"
)

// parts returns which bindings are read, in order.
func (q GrantQuery) parts() []string {
	switch {
	case q.InCluster:
		return []string{partCluster}
	case q.Namespace != "":
		return []string{partNamespaces}
	}
	return []string{partNamespaces, partCluster}
}

// GrantReader reads the access of one directory in parts, so that its memory does not grow with the directory. Within a part the
// grants are in the order of access.Review.
type GrantReader struct {
	Client    client.Client
	Directory *v1alpha1.CloudSSODirectory
	Query     GrantQuery
	Part      GrantPart
}

// Read returns the grants of the part at a token, and the token of the next part. The first token is "", and that after the last
// part too.
func (r GrantReader) Read(ctx context.Context, token string) (grants []access.Grant, next string, err error) {
	found := &bindingsRead{}
	found.Directory = r.Directory
	if found.matches, err = r.matcher(ctx); err != nil {
		return nil, "", err
	}
	for next = token; ; {
		if next, err = r.readBindings(ctx, next, found); err != nil {
			return nil, "", err
		}
		if next == "" || found.subjects >= r.Part.Subjects || found.bindings >= r.Part.MaxBindings {
			break
		}
	}
	if err := r.complete(ctx, &found.Inventory); err != nil {
		return nil, "", err
	}
	return access.Review(found.Inventory), next, nil
}

// bindingsRead are the bindings of a part, with the subjects that match.
type bindingsRead struct {
	access.Inventory
	matches func(name string) bool
	// bindings is how many were read, and subjects how many match.
	bindings, subjects int
}

// keep counts a binding, and returns its subjects that match.
func (f *bindingsRead) keep(b metav1.Object, subjects []rbacv1.Subject) []rbacv1.Subject {
	b.SetManagedFields(nil)
	subjects = slices.DeleteFunc(subjects, func(s rbacv1.Subject) bool { return !f.matches(s.Name) })
	f.bindings++
	f.subjects += len(subjects)
	return subjects
}

// readBindings adds the bindings at a token, and returns the token of the next ones. If the token has expired, it goes on with the
// bindings as they are now: each part of a review is of its own time anyway.
func (r GrantReader) readBindings(ctx context.Context, token string, found *bindingsRead) (next string, err error) {
	parts := r.Query.parts()
	part, at, _ := strings.Cut(token, ":")
	if !slices.Contains(parts, part) {
		part, at = parts[0], ""
	}
	options := append(r.options(), client.Limit(r.Part.Bindings), client.Continue(at))
	next, err = r.readPage(ctx, part, found, options)
	if fresh := FreshToken(err); at != "" && fresh != "" {
		next, err = r.readPage(ctx, part, found, append(options, client.Continue(fresh)))
	}
	return r.following(part, next), err
}

func (r GrantReader) readPage(ctx context.Context, part string, found *bindingsRead, options []client.ListOption) (next string, err error) {
	if part == partCluster {
		return r.readClusterRoleBindings(ctx, found, options...)
	}
	return r.readRoleBindings(ctx, found, options...)
}

// FreshToken returns the token that an error of the API server gives in place of one that has expired; "" if it gives none. The list
// goes on there as it is now.
func FreshToken(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}

func (r GrantReader) readRoleBindings(ctx context.Context, found *bindingsRead, options ...client.ListOption) (next string, err error) {
	var page rbacv1.RoleBindingList
	if err := r.Client.List(ctx, &page, append(options, client.InNamespace(r.Query.Namespace))...); err != nil {
		return "", explained(err, "RoleBindings")
	}
	for _, b := range page.Items {
		if b.Subjects = found.keep(&b, b.Subjects); len(b.Subjects) > 0 {
			found.RoleBindings = append(found.RoleBindings, b)
		}
	}
	return page.Continue, nil
}

func (r GrantReader) readClusterRoleBindings(ctx context.Context, found *bindingsRead, options ...client.ListOption) (next string, err error) {
	var page rbacv1.ClusterRoleBindingList
	if err := r.Client.List(ctx, &page, options...); err != nil {
		return "", explained(err, "the ClusterRoleBindings")
	}
	for _, b := range page.Items {
		if b.Subjects = found.keep(&b, b.Subjects); len(b.Subjects) > 0 {
			found.ClusterRoleBindings = append(found.ClusterRoleBindings, b)
		}
	}
	return page.Continue, nil
}

// options returns what selects the bindings of the directory, or of one of its assignments.
func (r GrantReader) options() []client.ListOption {
	labels := client.MatchingLabels{v1alpha1.LabelDirectory: r.Directory.Namespace}
	if r.Query.Assignment != "" {
		labels[v1alpha1.LabelAssignment] = r.Query.Assignment
	}
	return []client.ListOption{labels}
}

// following returns the token after a page of a part; "" after the last.
func (r GrantReader) following(part, next string) string {
	parts := r.Query.parts()
	switch at := slices.Index(parts, part) + 1; {
	case next != "":
		return part + ":" + next
	case at < len(parts):
		return parts[at] + ":"
	}
	return ""
}

// matcher returns which Kubernetes user names the query wants: those with its text, and that of the user with that userName.
func (r GrantReader) matcher(ctx context.Context) (func(name string) bool, error) {
	if r.Query.Subject == "" {
		return func(string) bool { return true }, nil
	}
	text, exact := strings.ToLower(r.Query.Subject), ""
	u, err := HolderOfUserName(ctx, r.Client, r.Directory.Namespace, r.Query.Subject)
	if err != nil {
		return nil, err
	}
	if u != nil {
		exact, _ = access.Username(r.Directory.Spec.KubernetesUsername, u) // "" if the user gets none
	}
	return func(name string) bool {
		return strings.Contains(strings.ToLower(name), text) || exact != "" && name == exact
	}, nil
}

// DirectoryOrEmpty returns the directory of a namespace; one without settings if there is none, because its bindings may be
// left over.
func DirectoryOrEmpty(ctx context.Context, c client.Client, namespace string) (*v1alpha1.CloudSSODirectory, error) {
	d := &v1alpha1.CloudSSODirectory{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the CloudSSODirectory: %w", err)
	}
	d.Namespace = namespace
	return d, nil
}
