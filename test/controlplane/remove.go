package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// claimsPolicy is a policy whose effect a request shows at any time, because it has no parameter.
const claimsPolicy = "cloudsso-name-claims"

// RemovePolicies removes the bindings of the admission policies that keep does not name, and waits until the API server
// applies none of those policies. The policy of name claims is always removed. An API server looks for changes of policies once
// a second, and compiles them after that.
func (cp *ControlPlane) RemovePolicies(ctx context.Context, keep ...string) error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	c, err := client.New(cp.admin, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	// An API server that has not applied them yet would do so after they were removed, if it has read them before.
	if err := awaitClaimsPolicy(ctx, c, true); err != nil {
		return err
	}
	var all admissionv1.ValidatingAdmissionPolicyBindingList
	if err := cp.client.List(ctx, &all); err != nil {
		return err
	}
	slices.SortFunc(all.Items, claimsLast)
	for i := range all.Items {
		if slices.Contains(keep, all.Items[i].Name) {
			continue
		}
		if err := cp.client.Delete(ctx, &all.Items[i]); err != nil {
			return err
		}
	}
	return awaitClaimsPolicy(ctx, c, false)
}

// claimsLast orders the binding of claimsPolicy behind all others, so that its end shows that of the others.
func claimsLast(a, b admissionv1.ValidatingAdmissionPolicyBinding) int {
	rank := func(name string) int {
		if name == claimsPolicy {
			return 1
		}
		return 0
	}
	return rank(a.Name) - rank(b.Name)
}

// awaitClaimsPolicy waits until the API server applies claimsPolicy, or does not.
func awaitClaimsPolicy(ctx context.Context, c client.Client, applied bool) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, inForceInterval, inForceTimeout, true, func(ctx context.Context) (bool, error) {
		last = c.Create(ctx, probeClaim(), client.DryRunAll)
		return apierrors.IsForbidden(last) == applied && (applied || last == nil), nil
	})
	if err != nil {
		return fmt.Errorf("waiting until policy %s is in force: %t: %w", claimsPolicy, applied, errors.Join(err, last))
	}
	return nil
}

func probeClaim() *v1alpha1.CloudSSONameClaim {
	return &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: probeNamespace, Name: "probe"},
		Spec:       v1alpha1.CloudSSONameClaimSpec{Kind: v1alpha1.ClaimedByUser, Name: "probe", Holder: "probe", AcquiredAt: metav1.NowMicro()},
	}
}
