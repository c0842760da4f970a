{{/* The prefix of all names, as kustomize's namePrefix: none for a release that is called as the chart. */}}
{{- define "cloudsso-operator.prefix" -}}
{{- /* 63 characters, of a label with the name of a Job, less those of "-cloudsso-remove-bindings". */ -}}
{{- if gt (len .Release.Name) 38 }}{{ fail "the name of the release has more than 38 characters, so the name of the Job cloudsso-remove-bindings would be too long" }}{{ end -}}
{{- if ne .Release.Name .Chart.Name }}{{ .Release.Name }}-{{ end -}}
{{- end }}

{{/* The prefix of the ClusterRoles, which another release may have. */}}
{{- define "cloudsso-operator.mainPrefix" -}}
{{- if not .Values.mainRelease }}{{ include "cloudsso-operator.prefix" . -}}
{{- else if ne .Values.mainRelease .Chart.Name }}{{ .Values.mainRelease }}-{{ end -}}
{{- end }}

{{- define "cloudsso-operator.selector" -}}
app.kubernetes.io/name: cloudsso-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Not the name of the operator: its Service and its PodDisruptionBudget must not count the Pods of the console. */}}
{{- define "cloudsso-operator.consoleSelector" -}}
app.kubernetes.io/name: cloudsso-console
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "cloudsso-operator.labels" -}}
{{ include "cloudsso-operator.selector" . }}
app.kubernetes.io/part-of: cloudsso
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The full user names of other operators' service accounts, as a list in CEL. */}}
{{- define "cloudsso-operator.shards" -}}
[{{ range $i, $account := .Values.shardAccounts }}{{ if $i }}, {{ end }}'system:serviceaccount:{{ $account.namespace }}:{{ $account.name }}'{{ end }}]
{{- end }}

{{/* Whether TLS ends before the operator. */}}
{{- define "cloudsso-operator.plainHTTP" -}}
{{- if or .Values.tls.endsBefore .Values.ingress.enabled .Values.gateway.enabled }}true{{ end -}}
{{- end }}

{{/* The ConfigMap with the CAs of the collector; none without TLS. */}}
{{- define "cloudsso-operator.tracingCA" -}}
{{- if hasPrefix "https://" .Values.tracing.endpoint }}{{ .Values.tracing.caConfigMap }}{{ end -}}
{{- end }}

{{- define "cloudsso-operator.host" -}}
{{ (urlParse .Values.scim.publicURL).host | splitList ":" | first }}
{{- end }}

{{/* The PriorityClass of the operator and of the Job that stops it. */}}
{{- define "cloudsso-operator.priorityClassName" -}}
{{ .Values.priorityClassName | default (printf "%scloudsso-operator" (include "cloudsso-operator.prefix" .)) }}
{{- end }}

{{- define "cloudsso-operator.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}
