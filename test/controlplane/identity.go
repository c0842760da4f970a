package controlplane

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// OperatorServiceAccount is the name of the operator's service account in SystemNamespace.
	OperatorServiceAccount = "cloudsso-operator"
	// OperatorUser is the operator's user name in the admission policies.
	OperatorUser = "system:serviceaccount:" + SystemNamespace + ":" + OperatorServiceAccount
	// tokenLife is how long the operator's token is valid: longer than a run of `make run`.
	tokenLife = 30 * 24 * time.Hour
)

// Operator returns the operator's real identity: its service account, which has only the rights of config/rbac.
func (cp *ControlPlane) Operator(ctx context.Context) (*rest.Config, error) {
	return cp.ServiceAccount(ctx, SystemNamespace, OperatorServiceAccount)
}

// UnlimitedOperator returns the operator's identity with every right. It makes what the admission policies leave to the operator,
// and its own rights do not permit, such as a binding to a role that it may not bind any more.
func (cp *ControlPlane) UnlimitedOperator() *rest.Config {
	config := cp.Admin()
	config.Impersonate = rest.ImpersonationConfig{UserName: OperatorUser, Groups: []string{"system:masters"}}
	return config
}

// ServiceAccount returns the identity of an existing service account.
func (cp *ControlPlane) ServiceAccount(ctx context.Context, namespace, name string) (*rest.Config, error) {
	seconds := int64(tokenLife / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := cp.client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("requesting a token for service account %s/%s: %w", namespace, name, err)
	}
	return cp.WithToken(request.Status.Token), nil
}

// WithToken returns the identity that the API server makes of a bearer token.
func (cp *ControlPlane) WithToken(token string) *rest.Config {
	config := rest.AnonymousClientConfig(cp.admin)
	config.BearerToken = token
	unlimited(config)
	return config
}

// ClusterAdmin returns the identity of a user with the ClusterRole cluster-admin, and without the group system:masters.
// The user has all rights, but the admission policies apply.
func (cp *ControlPlane) ClusterAdmin(ctx context.Context, name string) (*rest.Config, error) {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "local:" + name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}
	if err := cp.client.Create(ctx, binding); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("binding %s to cluster-admin: %w", name, err)
	}
	return cp.User(name)
}

// User returns the identity of a user who has only the rights that the caller grants.
func (cp *ControlPlane) User(name string, groups ...string) (*rest.Config, error) {
	user, err := cp.environment.ControlPlane.AddUser(envtest.User{Name: name, Groups: groups}, cp.admin)
	if err != nil {
		return nil, fmt.Errorf("adding user %s: %w", name, err)
	}
	config := user.Config()
	unlimited(config)
	return config, nil
}

func kubeconfig(config *rest.Config) clientcmdapi.Config {
	const name = "local"
	k := clientcmdapi.NewConfig()
	k.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	k.AuthInfos[name] = &clientcmdapi.AuthInfo{
		ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
	}
	k.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	k.CurrentContext = name
	return *k
}
