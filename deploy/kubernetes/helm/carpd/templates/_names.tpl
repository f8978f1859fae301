{{- define "carpd.name" -}}
{{- if contains "carpd" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-carpd" .Release.Name }}{{ end -}}
{{- end }}

{{- define "carpd.selector" -}}
app.kubernetes.io/name: carpd
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "carpd.labels" -}}
{{ include "carpd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
