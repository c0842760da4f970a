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
	// OperatorServiceAccount is the operator's service account, in SystemNamespace.
	OperatorServiceAccount = "cloudsso-operator"
	// OperatorUser is the user name that the admission policies know the operator by.
	OperatorUser = "system:serviceaccount:" + SystemNamespace + ":" + OperatorServiceAccount
	// tokenLife is how long the operator's token is good: longer than anybody leaves `make run` running.
	tokenLife = 30 * 24 * time.Hour
)

// Operator is the operator's real identity: its service account, with the rights of config/rbac and no
// others.
func (cp *ControlPlane) Operator(ctx context.Context) (*rest.Config, error) {
	return cp.ServiceAccount(ctx, SystemNamespace, OperatorServiceAccount)
}

// ServiceAccount is a service account that is there, with what rights it has.
func (cp *ControlPlane) ServiceAccount(ctx context.Context, namespace, name string) (*rest.Config, error) {
	seconds := int64(tokenLife / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := cp.client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("requesting a token for service account %s/%s: %w", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(cp.admin)
	config.BearerToken = request.Status.Token
	unlimited(config)
	return config, nil
}

// ClusterAdmin is a person who is bound to the ClusterRole cluster-admin, and no member of
// system:masters: access control lets them do everything, and admission policies bind them.
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

// User is a person with no rights but those that are given to them.
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
