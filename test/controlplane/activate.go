package controlplane

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Activate activates the directory of a namespace, as the operator does. It is for tests without the operator.
func Activate(ctx context.Context, c client.Client, namespace string) error {
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}}
	patch := fmt.Appendf(nil, `{"status":{"activatedAt":%q}}`, time.Now().UTC().Format(time.RFC3339))
	return c.Status().Patch(ctx, d, client.RawPatch("application/merge-patch+json", patch))
}
