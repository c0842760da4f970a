package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// A kind whose resource the convention gets wrong could not be read from the console in the cluster.
func TestConventionNamesTheResourcesOfAllKinds(t *testing.T) {
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	mapper := conventionalMapper(scheme)
	files, err := filepath.Glob("../../../config/crd/bases/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d CRDs: %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(content, &crd); err != nil {
			t.Fatal(err)
		}
		expectResource(t, mapper, schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind}, crd.Spec.Names.Plural, string(crd.Spec.Scope))
	}
	for kind, resource := range map[schema.GroupKind]string{
		{Kind: "Secret"}:    "secrets Namespaced",
		{Kind: "Pod"}:       "pods Namespaced",
		{Kind: "Event"}:     "events Namespaced",
		{Kind: "Namespace"}: "namespaces Cluster",
		{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:         "rolebindings Namespaced",
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:         "clusterroles Cluster",
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}:  "clusterrolebindings Cluster",
		{Group: "authorization.k8s.io", Kind: "SelfSubjectAccessReview"}:  "selfsubjectaccessreviews Cluster",
		{Group: "authorization.k8s.io", Kind: "LocalSubjectAccessReview"}: "localsubjectaccessreviews Namespaced",
		{Group: "authentication.k8s.io", Kind: "SelfSubjectReview"}:       "selfsubjectreviews Cluster",
	} {
		plural, scope, _ := strings.Cut(resource, " ")
		expectResource(t, mapper, kind, plural, scope)
	}
}

func expectResource(t *testing.T, mapper meta.RESTMapper, kind schema.GroupKind, plural, scope string) {
	t.Helper()
	mapping, err := mapper.RESTMapping(kind)
	if err != nil {
		t.Errorf("%s: %v", kind, err)
		return
	}
	if namespaced := mapping.Scope.Name() == meta.RESTScopeNameNamespace; mapping.Resource.Resource != plural || namespaced != (scope == "Namespaced") {
		t.Errorf("%s is %s, namespaced: %v", kind, mapping.Resource.Resource, namespaced)
	}
}

func TestTokenIsTheOnlyCredential(t *testing.T) {
	server := &rest.Config{
		Host: "https://127.0.0.1:6443", BearerToken: "of the server", Username: "u", Password: "p",
		Impersonate: rest.ImpersonationConfig{UserName: "admin"},
	}
	_, config, err := ConnectWithToken(server, "of the person")
	if err != nil {
		t.Fatal(err)
	}
	if config.BearerToken != "of the person" || config.Username != "" || config.Impersonate.UserName != "" || config.BearerTokenFile != "" {
		t.Errorf("got %+v", config)
	}
}
