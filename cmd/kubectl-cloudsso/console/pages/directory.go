package pages

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// overview is the page of a directory.
type overview struct {
	Directory *v1alpha1.CloudSSODirectory
	// Missed are the writes that were refused and not made up for; nil if there are none.
	Missed *v1alpha1.RefusedWrites
	// Switched is the last change of the switch.
	Switched writer
	// Next is what to do, in sentences.
	Next []string
}

func (c *console) directory(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	credentials, err := plugin.CredentialsOf(r.Context(), r.Client, d.Namespace)
	if err != nil {
		return nil, err
	}
	now := r.now
	return &view{Title: text("directory.title"), template: "directory", Data: overview{
		Directory: d, Missed: policy.MissedWrites(d, now), Switched: switchWriter(d), Next: plugin.Advise(d, credentials, now),
	}}, nil
}

// conditionText returns a condition's message, or its reason if it has none.
func conditionText(conditions []metav1.Condition, kind string) string {
	c := meta.FindStatusCondition(conditions, kind)
	switch {
	case c == nil:
		return text("condition.unknown")
	case c.Message != "":
		return c.Message
	}
	return c.Reason
}

// writer is who has written a field last, and when. An object names programs, not persons: the API server's audit log has these.
type writer struct {
	Manager string
	Time    *metav1.Time
}

// switchWriter returns who has turned the switch last.
func switchWriter(d *v1alpha1.CloudSSODirectory) (w writer) {
	for _, entry := range d.ManagedFields {
		if plugin.OwnsSwitch(entry) && (w.Time == nil || entry.Time != nil && w.Time.Before(entry.Time)) {
			w = writer{entry.Manager, entry.Time}
		}
	}
	return w
}
