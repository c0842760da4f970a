package gitops

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// CheckAgreement returns an error unless Argo CD with a script and kstatus agree on whether a wait for an object ends. They may
// differ on a Manual user that the operator has not looked at: kstatus takes it as current, because its status has no default
// observedGeneration.
func CheckAgreement(ctx context.Context, script string, object *unstructured.Unstructured) error {
	computed, err := status.Compute(object)
	if err != nil {
		return err
	}
	health, err := ArgoCD(ctx, script, object)
	if err != nil {
		return err
	}
	ends := computed.Status == status.CurrentStatus && !isUnobservedManualUser(object)
	if ends != (health.Status == Healthy) {
		return fmt.Errorf("kstatus is %s (%s), Argo CD's health is %s (%s)", computed.Status, computed.Message, health.Status, health.Message)
	}
	return nil
}

func isUnobservedManualUser(object *unstructured.Unstructured) bool {
	source, _, _ := unstructured.NestedString(object.Object, "spec", "source")
	_, isObserved, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	return object.GetKind() == "CloudSSOUser" && source == string(v1alpha1.SourceManual) && !isObserved
}
