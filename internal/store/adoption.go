package store

import (
	"strings"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// reasonAdopted is the reason of the Event on a Manual user that the identity provider has taken over.
const reasonAdopted = "Adopted"

// mayAdopt returns nil if the directory's settings say that the identity provider takes over Manual users, else the 409
// that says what to do.
func (n *namespacedStore) mayAdopt(holder *v1alpha1.CloudSSOUser) error {
	if d := n.directory(n.namespace); d == nil || d.Spec.ExistingUsers != v1alpha1.ExistingUsersAdopt {
		return scim.Conflict("userName is already that of the manual user %q; to let the identity provider take it over, "+
			"set spec.existingUsers of CloudSSODirectory %s/default to Adopt", holder.Name, n.namespace)
	}
	if applier := applierOf(holder); applier != "" {
		return scim.Conflict("userName is already that of the manual user %q, which %s applies and would take back; "+
			"remove it there first", holder.Name, applier)
	}
	return nil
}

// reportAdoption tells people who declared a user that the identity provider changes it from now on.
func (n *namespacedStore) reportAdoption(u *v1alpha1.CloudSSOUser) {
	n.Log.Info("adopted a Manual user", "namespace", u.Namespace, "user", u.Name)
	n.Inform(u, reasonAdopted, "adopted: the identity provider has created a user of this userName, and changes this one from now on; "+
		"spec.source was Manual and is SCIM, because spec.existingUsers of the directory is Adopt")
}

// applierOf returns the tool that applies an object from elsewhere, with the name by which it is found there, or "". Such a
// tool would undo an adoption at its next synchronization. The labels and annotations are those that the tools document as
// theirs. Flux comes before Helm, because its HelmReleases carry Helm's metadata too. app.kubernetes.io/instance comes last:
// Argo CD tracked objects by it before version 3, but people set it too.
func applierOf(u *v1alpha1.CloudSSOUser) string {
	labels, annotations := u.Labels, u.Annotations
	switch managedBy := labels["app.kubernetes.io/managed-by"]; {
	case labels["kustomize.toolkit.fluxcd.io/name"] != "":
		return "Flux (Kustomization " + inNamespace(labels["kustomize.toolkit.fluxcd.io/name"], labels["kustomize.toolkit.fluxcd.io/namespace"]) + ")"
	case labels["helm.toolkit.fluxcd.io/name"] != "":
		return "Flux (HelmRelease " + inNamespace(labels["helm.toolkit.fluxcd.io/name"], labels["helm.toolkit.fluxcd.io/namespace"]) + ")"
	case annotations["argocd.argoproj.io/tracking-id"] != "":
		application, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":")
		return "Argo CD (Application " + application + ")"
	case labels["argocd.argoproj.io/instance"] != "":
		return "Argo CD (Application " + labels["argocd.argoproj.io/instance"] + ")"
	case annotations["meta.helm.sh/release-name"] != "":
		return "Helm (release " + inNamespace(annotations["meta.helm.sh/release-name"], annotations["meta.helm.sh/release-namespace"]) + ")"
	case managedBy != "":
		return managedBy + " (label app.kubernetes.io/managed-by)"
	case labels["app.kubernetes.io/instance"] != "":
		return "Argo CD, if " + labels["app.kubernetes.io/instance"] + " is an Application (label app.kubernetes.io/instance),"
	}
	return ""
}

func inNamespace(name, namespace string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}
