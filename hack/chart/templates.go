package main

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// header begins each file.
const header = "# Generated from config by make chart. DO NOT EDIT.\n"

// file is a template: the objects of some kinds, and the condition under which a release has them.
type file struct {
	name      string
	kinds     []string
	condition string // "" for always
}

var generated = []file{
	{"crds.yaml", []string{"CustomResourceDefinition"}, "and .Values.crds.enabled (not .Values.mainRelease)"},
	{"policies.yaml", []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}, "not .Values.mainRelease"},
	{"cluster_roles.yaml", []string{"ClusterRole"}, "not .Values.mainRelease"},
	{"service_account.yaml", []string{"ServiceAccount", "Role", "RoleBinding"}, ""},
	{"flow_control.yaml", []string{"PriorityLevelConfiguration", "FlowSchema"}, ".Values.flowControl.enabled"},
	{"prometheus_rule.yaml", []string{"PrometheusRule"}, "and .Values.prometheusRule.enabled (not .Values.mainRelease)"},
	{"dashboard.yaml", []string{"ConfigMap"}, "and .Values.dashboard.enabled (not .Values.mainRelease)"},
}

// byHand are the kinds that templates written by hand have. Helm creates the Namespace.
var byHand = map[string]bool{
	"ClusterRoleBinding": true, "Deployment": true, "Namespace": true, "PodDisruptionBudget": true, "PriorityClass": true, "Service": true,
}

// templates returns the content of each file.
func templates(manifests string) (map[string]string, error) {
	objects := map[string][]string{}
	for _, document := range strings.Split(manifests, "\n---\n") {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			return nil, err
		}
		name, err := fileOf(kind.Kind)
		if err != nil {
			return nil, err
		}
		objects[name] = append(objects[name], object(kind.Kind, document))
	}
	files := map[string]string{}
	for _, f := range generated {
		if len(objects[f.name]) == 0 {
			return nil, fmt.Errorf("no manifest is of the kinds %s", strings.Join(f.kinds, ", "))
		}
		files[f.name] = f.content(objects[f.name])
	}
	return files, nil
}

// fileOf returns the name of the file with the objects of a kind; "" if they are written by hand.
func fileOf(kind string) (string, error) {
	for _, f := range generated {
		for _, k := range f.kinds {
			if k == kind {
				return f.name, nil
			}
		}
	}
	if !byHand[kind] {
		return "", fmt.Errorf("kind %s is new: add it to the generated files, or to those written by hand", kind)
	}
	return "", nil
}

// prometheusLabels are the labels by which Prometheus selects its rules.
const prometheusLabels = `
    {{- with .Values.prometheus.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
`

// viewers is the role of Kubernetes that reads users and groups, as the release decides. admin contains view.
const viewers = "{{ if .Values.aggregateToView }}view{{ else }}admin{{ end }}"

// object returns a manifest as a part of a template. Helm keeps CRDs when the release is uninstalled, because a deleted CRD
// takes all its objects with it.
func object(kind, document string) string {
	text := substitutions.Replace(document)
	switch kind {
	case "CustomResourceDefinition":
		text = strings.Replace(text, "\n  annotations:\n", "\n  annotations:\n    helm.sh/resource-policy: keep\n", 1)
	case "ClusterRole":
		text = strings.Replace(text, "aggregate-to-view:", "aggregate-to-"+viewers+":", 1)
	case "PrometheusRule":
		text = strings.Replace(text, "\n  labels:\n", "\n  labels:"+prometheusLabels, 1)
	}
	return "---\n" + strings.TrimSpace(text) + "\n"
}

func (f file) content(objects []string) string {
	text := strings.Join(objects, "")
	if f.condition != "" {
		text = "{{- if " + f.condition + " }}\n" + text + "{{- end }}\n"
	}
	return header + text
}
