{{/* Names, labels, the image, and settings that can't go together. */}}

{{- define "quarantine-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "quarantine-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "quarantine-operator.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "quarantine-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "quarantine-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "quarantine-operator.guardName" -}}
{{- printf "%s-uninstall-guard" (include "quarantine-operator.fullname" . | trunc 47 | trimSuffix "-") }}
{{- end }}

{{- define "quarantine-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "quarantine-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "quarantine-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "quarantine-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "quarantine-operator.image" -}}
{{- with .Values.image }}
{{- $repository := required "image.repository is empty: name the registry and the repository that the image was pushed to" .repository }}
{{- if .digest }}
{{- printf "%s@%s" $repository .digest }}
{{- else }}
{{- printf "%s:%s" $repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "quarantine-operator.validate" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) }}
{{- fail "replicas is more than 1 and leaderElection.enabled is false: two operators without a lease act at once. Set replicas to 1, or turn leaderElection on" }}
{{- end }}
{{- with .Values.defaultClass }}
{{- if not (hasKey $.Values.classes .) }}
{{- fail (printf "defaultClass names %s, which is not among classes: add it there, or annotate the class where it is made" .) }}
{{- end }}
{{- end }}
{{- if .Values.metrics.serviceMonitor.enabled }}
{{- if not (and .Values.metrics.enabled .Values.metrics.service.enabled) }}
{{- fail "metrics.serviceMonitor.enabled needs metrics.enabled and metrics.service.enabled" }}
{{- end }}
{{- end }}
{{- end }}
