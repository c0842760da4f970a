package directory

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// selectionWatch is a manager.Runnable that has the directories reconciled when other namespaces may be directories.
type selectionWatch struct {
	selector *namespaceselector.Selector
	changed  chan event.GenericEvent
}

// Start implements manager.Runnable.
func (w *selectionWatch) Start(ctx context.Context) error {
	if w.selector == nil {
		return nil
	}
	for {
		next := w.selector.Changed()
		select {
		case w.changed <- event.GenericEvent{Object: &v1alpha1.CloudSSODirectory{}}:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil
		}
	}
}

// recordSelection sets the condition NamespaceSelected, and Ready if the directory is not served for it. Without a selector
// there is no such condition.
func (r *Reconciler) recordSelection(d *v1alpha1.CloudSSODirectory, now metav1.Time) {
	if r.Selector == nil {
		meta.RemoveStatusCondition(&d.Status.Conditions, v1alpha1.ConditionNamespaceSelected)
		return
	}
	condition := r.namespaceSelected(d.Namespace)
	condition.ObservedGeneration, condition.LastTransitionTime = d.Generation, now
	meta.SetStatusCondition(&d.Status.Conditions, condition)
	if condition.Status != metav1.ConditionTrue && policy.SwitchOf(d) == policy.SwitchEnabled {
		condition.Type, condition.Status = v1alpha1.ConditionReady, metav1.ConditionFalse
		meta.SetStatusCondition(&d.Status.Conditions, condition)
	}
}

func (r *Reconciler) namespaceSelected(namespace string) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionNamespaceSelected}
	switch r.Selector.Of(namespace) {
	case policy.NamespaceSelected:
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonNamespaceSelected
		condition.Message = "the labels of the namespace match the operator's --directory-namespace-selector"
	case policy.NamespaceNotSelected:
		condition.Status, condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonNamespaceNotSelected
		condition.Message = fmt.Sprintf("SCIM requests are answered 403, because the labels of the namespace do not match the operator's "+
			"--directory-namespace-selector=%s; ask the administrator of the cluster to label namespace %s", r.Selector, namespace)
	case policy.NamespaceUnknown:
		condition.Status, condition.Reason = metav1.ConditionUnknown, v1alpha1.ReasonNotPermitted
		condition.Message = fmt.Sprintf("SCIM requests are answered 503, because the operator lacks the right to list and watch namespaces, which "+
			"--directory-namespace-selector needs (bind its service account to the ClusterRole cloudsso-operator-cluster-reader): %v", r.Selector.Denied())
	}
	return condition
}
