package quickstart

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// tokenTimeout is how long the operator may take to mint a token. It usually takes far less than a second.
const tokenTimeout = 30 * time.Second

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// setUp creates the namespace, a synchronized directory and a credential. Objects of an earlier run stay.
func (e *Environment) setUp(ctx context.Context) error {
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}},
		&v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: v1alpha1.DirectoryName},
			Spec: v1alpha1.CloudSSODirectorySpec{
				SCIMSynchronization: v1alpha1.SynchronizationEnabled, RateLimit: e.options.RateLimit, KubernetesUsername: e.kubernetesUsername(),
			},
		},
		&v1alpha1.SCIMCredential{
			ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: CredentialName},
			Spec:       v1alpha1.SCIMCredentialSpec{Description: "the identity provider's provisioning"},
		},
	}
	if e.options.Access {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: TargetNamespace}})
	}
	for _, o := range objects {
		if err := e.Admin.Create(ctx, o, client.FieldOwner("kubectl-create")); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	return e.mapUsernames(ctx)
}

// mapUsernames gives a directory of an earlier run the mapping of user names that the issuer's tokens need.
func (e *Environment) mapUsernames(ctx context.Context) error {
	if !e.options.Access {
		return nil
	}
	d := &v1alpha1.CloudSSODirectory{}
	if err := e.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: v1alpha1.DirectoryName}, d); err != nil {
		return err
	}
	before := d.DeepCopy()
	d.Spec.KubernetesUsername = e.kubernetesUsername()
	return e.Admin.Patch(ctx, d, client.MergeFrom(before))
}

func (e *Environment) awaitToken(ctx context.Context) (err error) {
	if e.Token, err = Token(ctx, e.Admin, e.Namespace, CredentialName); err != nil {
		return fmt.Errorf("%w; see %s and `kubectl -n %s describe scimcredential %s`", err, e.LogFile(), e.Namespace, CredentialName)
	}
	return nil
}

// activationTimeout is how long the operator may take to activate a directory. It usually takes milliseconds.
const activationTimeout = 10 * time.Second

// AwaitActivation waits until the operator has activated the directory of a namespace, and so serves its SCIM requests.
func AwaitActivation(ctx context.Context, c client.Client, namespace string) error {
	d, key := &v1alpha1.CloudSSODirectory{}, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}
	err := wait.PollUntilContextTimeout(ctx, pollInterval, activationTimeout, true, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, key, d)
		return policy.SwitchOf(d) == policy.SwitchEnabled, client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("CloudSSODirectory %s is not served: %w; see `kubectl -n %s describe cloudssodirectory`", key, err, namespace)
	}
	return nil
}

// Token waits until the operator has minted the token of a credential, and returns it; "" if the token has been removed
// from its Secret, as it should be after hand-out.
func Token(ctx context.Context, c client.Client, namespace, name string) (string, error) {
	credential, secret := &v1alpha1.SCIMCredential{}, &corev1.Secret{}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := wait.PollUntilContextTimeout(ctx, pollInterval, tokenTimeout, true, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, key, credential)
		return meta.IsStatusConditionTrue(credential.Status.Conditions, v1alpha1.ConditionUsable), client.IgnoreNotFound(err)
	})
	if err != nil {
		return "", fmt.Errorf("no token was minted for SCIMCredential %s: %w", key, err)
	}
	key.Name = credential.Status.SecretName
	err = c.Get(ctx, key, secret)
	return string(secret.Data[v1alpha1.SecretKeyToken]), client.IgnoreNotFound(err)
}
