package credential

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// SecretCacheOptions returns the options of a manager's cache for Secrets: it keeps only those of the credential
// type, without their tokens. Use them as cache.Options.ByObject[&corev1.Secret{}].
func SecretCacheOptions() cache.ByObject {
	return cache.ByObject{
		Field: fields.OneTermEqualSelector("type", v1alpha1.SecretTypeSCIMCredential),
		Transform: func(o any) (any, error) {
			if secret, ok := o.(*corev1.Secret); ok {
				auth.Redact(secret)
			}
			return o, nil
		},
	}
}
