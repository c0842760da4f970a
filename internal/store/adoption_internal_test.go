package store

import (
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestToolThatAppliesAUserIsNamed(t *testing.T) {
	const helm, instance = "app.kubernetes.io/managed-by", "app.kubernetes.io/instance"
	release := map[string]string{"meta.helm.sh/release-name": "people", "meta.helm.sh/release-namespace": "acme"}
	for name, test := range map[string]struct {
		labels, annotations map[string]string
		want                string
	}{
		"Helm":                              {map[string]string{helm: "Helm", instance: "people"}, release, "Helm (release acme/people)"},
		"Helm, by its label alone":          {map[string]string{helm: "Helm"}, nil, "Helm (label app.kubernetes.io/managed-by)"},
		"a HelmRelease of Flux":             {map[string]string{helm: "Helm", "helm.toolkit.fluxcd.io/name": "people", "helm.toolkit.fluxcd.io/namespace": "flux"}, release, "Flux (HelmRelease flux/people)"},
		"a Kustomization of Flux":           {map[string]string{"kustomize.toolkit.fluxcd.io/name": "people"}, nil, "Flux (Kustomization people)"},
		"Argo CD":                           {map[string]string{instance: "people"}, map[string]string{"argocd.argoproj.io/tracking-id": "people:cloudsso.dev/CloudSSOUser:acme/alice"}, "Argo CD (Application people)"},
		"a Helm chart that Argo CD renders": {map[string]string{helm: "Helm", instance: "people"}, map[string]string{"argocd.argoproj.io/tracking-id": "people:cloudsso.dev/CloudSSOUser:acme/alice"}, "Argo CD (Application people)"},
		"Argo CD, by its label":             {map[string]string{"argocd.argoproj.io/instance": "people"}, nil, "Argo CD (Application people)"},
		"Argo CD, by a common label":        {map[string]string{instance: "people"}, nil, "Argo CD, if people is an Application"},
		"kustomize":                         {map[string]string{helm: "kustomize-v5.7.0"}, nil, "kustomize-v5.7.0 (label"},
	} {
		u := &v1alpha1.CloudSSOUser{}
		u.Labels, u.Annotations = test.labels, test.annotations
		if got := applierOf(u); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	byHand := &v1alpha1.CloudSSOUser{}
	byHand.Labels = map[string]string{"team": "a", "app.kubernetes.io/part-of": "people"}
	byHand.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}
	if got := applierOf(byHand); got != "" {
		t.Errorf("a user by hand is %q's", got)
	}
}
