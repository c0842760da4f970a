package main

import (
	"strings"
	"testing"
)

// oneOfEach returns a manifest of each generated kind.
func oneOfEach() string {
	var documents []string
	for _, f := range generated {
		for _, kind := range f.kinds {
			documents = append(documents, "kind: "+kind+"\nmetadata:\n  annotations:\n    a: b\n  name: zz-prefix-a\n  namespace: zz-namespace")
		}
	}
	return strings.Join(documents, "\n---\n")
}

func TestTemplates(t *testing.T) {
	files, err := templates(oneOfEach())
	if err != nil {
		t.Fatal(err)
	}
	want := header + `{{- if and .Values.crds.enabled (not .Values.mainRelease) }}
---
kind: CustomResourceDefinition
metadata:
  annotations:
    helm.sh/resource-policy: keep
    a: b
  name: {{ include "cloudsso-operator.prefix" . }}a
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
`
	if got := files["crds.yaml"]; got != want {
		t.Errorf("crds.yaml is\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(files["policies.yaml"], "helm.sh/resource-policy") {
		t.Error("policies are kept")
	}
}

func TestTemplatesOfAlerts(t *testing.T) {
	files, err := templates(oneOfEach() + "\n---\nkind: PrometheusRule\nmetadata:\n  labels:\n    a: b\nspec: {summary: '{{ $labels.name }}'}")
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"the labels that Prometheus selects by":           "  labels:\n    {{- with .Values.prometheus.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n    a: b\n",
		"the templates of Prometheus, as text for Helm":   `{summary: '{{ "{{" }} $labels.name }}'}`,
		"the condition that an administrator asks for it": "{{- if and .Values.prometheusRule.enabled (not .Values.mainRelease) }}",
	} {
		if !strings.Contains(files["prometheus_rule.yaml"], want) {
			t.Errorf("%s: prometheus_rule.yaml does not have %s, but is\n%s", what, want, files["prometheus_rule.yaml"])
		}
	}
}

func TestTemplatesOfRolesForPeople(t *testing.T) {
	const label = "kind: ClusterRole\nmetadata:\n  labels:\n    rbac.authorization.k8s.io/aggregate-to-"
	files, err := templates(oneOfEach() + "\n---\n" + label + "view: \"true\"\n---\n" + label + "admin: \"true\"")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{label + viewers + ": \"true\"\n", label + "admin: \"true\"\n"} {
		if got := files["cluster_roles.yaml"]; !strings.Contains(got, want) {
			t.Errorf("cluster_roles.yaml does not have %s, but is\n%s", want, got)
		}
	}
}

func TestTemplatesRefuse(t *testing.T) {
	for name, tt := range map[string]struct{ manifests, want string }{
		"a kind that no file has":       {oneOfEach() + "\n---\nkind: Pod", "kind Pod is new"},
		"manifests that lack some kind": {"kind: Service", "no manifest is of the kinds"},
	} {
		if _, err := templates(tt.manifests); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
