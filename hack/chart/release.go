package main

import "strings"

// substitutions are the names that make chart gives config/default, and what each of them is in a release. The prefix of
// names is that of kustomize: a release of another name has what config/default has with a namePrefix.
var substitutions = strings.NewReplacer(
	"namespace: zz-namespace", "namespace: {{ .Release.Namespace | quote }}", // YAML would read 2024 as a number
	"zz-namespace", "{{ .Release.Namespace }}",
	"zz-prefix-", `{{ include "cloudsso-operator.prefix" . }}`,
	"zz-instance", "{{ .Release.Name | quote }}",
	"{{", `{{ "{{" }}`, // alerts and the dashboard have it, which Helm is not to evaluate
	"zz-shards", `{{ include "cloudsso-operator.shards" . | quote }}`,
)
