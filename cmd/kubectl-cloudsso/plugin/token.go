package plugin

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ConnectWithToken returns a client that acts as the holder of a bearer token, and its configuration. Of the given one it takes the
// address of the API server and its CA, and no credential. It makes no request: resources are named by convention, because a client
// is made for each request of a browser, and discovery would take longer than most of these.
func ConnectWithToken(server *rest.Config, token string) (client.Client, *rest.Config, error) {
	config := rest.AnonymousClientConfig(server)
	config.BearerToken, config.UserAgent, config.QPS = token, FieldManager, -1
	scheme, err := newScheme()
	if err != nil {
		return nil, nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: conventionalMapper(scheme)})
	return c, config, err
}

// clusterScoped are the kinds of the scheme that are in no namespace.
var clusterScoped = []string{
	"ClusterRole", "ClusterRoleBinding", "ComponentStatus", "Namespace", "Node", "PersistentVolume",
	"SelfSubjectAccessReview", "SelfSubjectReview", "SelfSubjectRulesReview", "SubjectAccessReview", "TokenReview",
}

// conventionalMapper returns a mapper of the kinds of a scheme to resources with the plural of the Kubernetes conventions.
func conventionalMapper(scheme *runtime.Scheme) meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(scheme.PrioritizedVersionsAllGroups())
	for kind := range scheme.AllKnownTypes() {
		switch {
		case kind.Version == runtime.APIVersionInternal, strings.HasSuffix(kind.Kind, "List"), strings.HasSuffix(kind.Kind, "Options"):
		case slices.Contains(clusterScoped, kind.Kind):
			mapper.Add(kind, meta.RESTScopeRoot)
		default:
			mapper.Add(kind, meta.RESTScopeNamespace)
		}
	}
	return mapper
}
