package chaos

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// selectedLabel is the label of the namespaces that assignments select, if it is selected.
	selectedLabel, selected = "chaos-target", "selected"
	// passingPrefix begins the names of the namespaces that come and go.
	passingPrefix = "chaos-passing-"
	// lastNamespace comes when the requests end, so that one is selected at the end of every run.
	lastNamespace = passingPrefix + "last"
	// longestStay is how long the namespaces stay as they are, at most. The namespace controller takes seconds to delete one.
	longestStay = 3 * time.Second
)

var (
	// targetNamespaces are where the assignments that name namespaces grant their role.
	targetNamespaces = []string{"chaos-a", "chaos-b", "chaos-c"}
	// passingNamespaces are where those that select namespaces do.
	passingNamespaces = []string{passingPrefix + "a", passingPrefix + "b"}
)

// controllers are those of kube-controller-manager that delete what is in a namespace before the namespace.
var controllers = []string{"namespace-controller"}

func (r *Replicas) createTargets(ctx context.Context) error {
	for _, name := range targetNamespaces {
		if err := r.Environment.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return nil
}

func passingNamespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{selectedLabel: selected}}}
}

// changeNamespaces has namespaces come and go until ctx ends. The last one stays.
func (w *Workload) changeNamespaces(ctx context.Context) error {
	random := rand.New(rand.NewPCG(w.Seed, uint64(w.Clients+1)))
	for ctx.Err() == nil {
		w.changeNamespace(context.WithoutCancel(ctx), random)
		pause(ctx, longestStay/3+time.Duration(random.Int64N(int64(longestStay*2/3))))
	}
	ctx = context.WithoutCancel(ctx)
	return surely(ctx, func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(w.Replicas.Environment.Admin.Create(ctx, passingNamespace(lastNamespace)))
	})
}

// changeNamespace creates a namespace that assignments select. If it exists, it is deleted, or loses its label. What has no answer
// may have happened.
func (w *Workload) changeNamespace(ctx context.Context, random *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	admin, namespace := w.Replicas.Environment.Admin, passingNamespace(pick(random, passingNamespaces))
	err := admin.Create(ctx, namespace.DeepCopy())
	switch {
	case err == nil:
		w.NamespacesCreated++
	case !apierrors.IsAlreadyExists(err):
	case random.IntN(3) == 0:
		namespace.Labels = nil
		_ = admin.Patch(ctx, namespace, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"`+selectedLabel+`":null}}}`)))
	default:
		_ = admin.Delete(ctx, namespace)
	}
}

// isPassing reports whether a binding is in a namespace that comes and goes.
func (p Presence) isPassing() bool { return strings.HasPrefix(p.Binding, passingPrefix) }

// targetsOf returns the namespaces in which an assignment grants its role.
func (o Objects) targetsOf(a *v1alpha1.CloudSSOAccessAssignment) (names []string) {
	selector := a.Spec.Target.NamespaceSelector
	if selector == nil {
		return a.Spec.Target.Namespaces
	}
	for i := range o.Namespaces {
		n := &o.Namespaces[i]
		isSelected := n.DeletionTimestamp == nil
		for key, value := range selector.MatchLabels {
			isSelected = isSelected && n.Labels[key] == string(value)
		}
		if isSelected {
			names = append(names, n.Name)
		}
	}
	return names
}

// unsettledNamespaces returns the namespaces that are still being deleted.
func (o Objects) unsettledNamespaces() (wrong []string) {
	for i := range o.Namespaces {
		if n := &o.Namespaces[i]; n.DeletionTimestamp != nil {
			wrong = append(wrong, "namespace "+n.Name+" is still being deleted")
		}
	}
	return wrong
}
