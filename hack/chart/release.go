package main

import "strings"

// substitutions are the names that make chart gives config/default, and what each of them is in a release. The prefix of
// names is that of kustomize: a release of another name has what config/default has with a namePrefix.
var substitutions = strings.NewReplacer(
	"zz-namespace", "{{ .Release.Namespace }}",
	"zz-prefix-", `{{ include "cloudsso-operator.prefix" . }}`,
	"zz-instance", "{{ .Release.Name }}",
	"zz-shards", `{{ include "cloudsso-operator.shards" . | quote }}`,
)
