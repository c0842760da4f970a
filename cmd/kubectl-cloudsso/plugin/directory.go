package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Directory reads the directory of a namespace.
func Directory(ctx context.Context, c client.Client, namespace string) (*v1alpha1.CloudSSODirectory, error) {
	d := &v1alpha1.CloudSSODirectory{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)
	if apierrors.IsNotFound(err) {
		return nil, &noDirectoryError{namespace, err}
	}
	return d, err
}

// noDirectoryError says that a namespace has no directory. It is the API server's 404.
type noDirectoryError struct {
	namespace string
	notFound  error
}

func (e *noDirectoryError) Error() string {
	return fmt.Sprintf("namespace %s has no CloudSSODirectory: give the namespace of a directory with -n (kubectl get ssodir -A lists them)", e.namespace)
}

func (e *noDirectoryError) Unwrap() error { return e.notFound }

// CredentialsOf reads the credentials of a namespace.
func CredentialsOf(ctx context.Context, c client.Client, namespace string) ([]v1alpha1.SCIMCredential, error) {
	var all v1alpha1.SCIMCredentialList
	err := c.List(ctx, &all, client.InNamespace(namespace))
	return all.Items, err
}

// gitOpsMarks are the labels and annotations by which GitOps tools and Helm mark what they apply.
var gitOpsMarks = []struct{ key, tool string }{
	{"kustomize.toolkit.fluxcd.io/name", "Flux"},
	{"helm.toolkit.fluxcd.io/name", "Flux"},
	{"argocd.argoproj.io/tracking-id", "Argo CD"},
	{"argocd.argoproj.io/instance", "Argo CD"},
	{"meta.helm.sh/release-name", "Helm"},
}

// TrackedBy returns the tool that applies an object from Git or a chart; "" if it bears no mark of one.
func TrackedBy(o client.Object) string {
	for _, mark := range gitOpsMarks {
		_, label := o.GetLabels()[mark.key]
		_, annotation := o.GetAnnotations()[mark.key]
		if label || annotation {
			return mark.tool
		}
	}
	return ""
}

// WarnIfTracked says so if a tool would turn back a change of an object by hand.
func (p *Plugin) WarnIfTracked(o client.Object) {
	p.warnOf(TrackedBy(o), "this object")
}

// WarnIfSwitchTracked says so if a tool would turn the switch of a directory back.
func (p *Plugin) WarnIfSwitchTracked(d *v1alpha1.CloudSSODirectory) {
	p.warnOf(SwitchTrackedBy(d), "the switch of this directory")
}

func (p *Plugin) warnOf(tool, what string) {
	if tool != "" {
		fmt.Fprintf(p.ErrOut, "warning: %s applies %s, and may turn the change back: change it at the source too\n", tool, what)
	}
}

// SwitchTrackedBy returns the tool that has written the switch of a directory last, or the name of its field manager; "" if that
// was a person.
func SwitchTrackedBy(d *v1alpha1.CloudSSODirectory) string { return FieldTrackedBy(d, switchField) }

// switchField is the field of a directory's spec that is the switch.
const switchField = "scimSynchronization"

// FieldTrackedBy is SwitchTrackedBy for any field of an object's spec. The marks of a tool do not decide, because Git may leave a
// field out.
func FieldTrackedBy(o client.Object, field string) string {
	for _, entry := range o.GetManagedFields() {
		if writesOnce(entry.Manager) || !ownsSpec(entry, field) {
			continue
		}
		return cmp.Or(TrackedBy(o), Printable(entry.Manager), "a tool without a name")
	}
	return ""
}

// writesOnce reports whether a field manager does not write its fields again when a person changes them: kubectl and this plugin,
// the operator, and Velero, which restores.
func writesOnce(manager string) bool {
	return strings.HasPrefix(manager, "kubectl") || manager == policy.FieldManager || manager == "velero-server"
}

// OwnsSwitch reports whether a field manager owns the switch.
func OwnsSwitch(entry metav1.ManagedFieldsEntry) bool { return ownsSpec(entry, switchField) }

// SpecFieldsOf returns the fields of the spec that a field manager owns, sorted.
func SpecFieldsOf(entry metav1.ManagedFieldsEntry) (names []string) {
	for key := range ownedSpec(entry) {
		if name, isField := strings.CutPrefix(key, "f:"); isField {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ownsSpec reports whether a field manager owns a field of the spec; any field if it is "".
func ownsSpec(entry metav1.ManagedFieldsEntry, field string) bool {
	spec := ownedSpec(entry)
	_, owns := spec["f:"+field]
	return owns || field == "" && spec != nil
}

// ownedSpec returns what a field manager owns of the spec, by the keys of managedFields; nil if it owns nothing of it.
func ownedSpec(entry metav1.ManagedFieldsEntry) map[string]json.RawMessage {
	var owned struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) != nil {
		return nil
	}
	return owned.Spec
}
