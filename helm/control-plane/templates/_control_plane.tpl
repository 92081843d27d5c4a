{{- define "control.databaseHost" -}}
control-plane-postgres{{ if eq .Values.postgres.kind "cloudnative-pg" }}-rw{{ end }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "control.ownerRole" -}}
{{ if eq .Values.postgres.kind "cloudnative-pg" }}postgres{{ else }}waggle{{ end }}
{{- end }}

{{- define "control.ownerPassword" -}}
{{- if eq .Values.postgres.kind "cloudnative-pg" -}}
secretKeyRef: {name: control-plane-postgres-superuser, key: password}
{{- else -}}
secretKeyRef: {name: {{ .Values.secretName }}, key: postgres-password}
{{- end }}
{{- end }}

{{/* Variables that are named in others stand before them: $(NAME) is filled in by Kubernetes. */}}
{{- define "control.databaseEnvironment" -}}
{{- if eq .Values.postgres.kind "external" -}}
- name: WAGGLE_CONTROL_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.postgres.external.secretName }}, key: app-url}
{{- else -}}
- name: APP_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .Values.secretName }}, key: app-password}
- name: WAGGLE_CONTROL_DATABASE_URL
  value: postgresql://waggle_app:$(APP_PASSWORD)@{{ include "control.databaseHost" . }}:5432/waggle
{{- end }}
{{- end }}

{{/* Refuses values that each are allowed and together cannot work. */}}
{{- define "control.check" -}}
{{- if ne .Values.postgres.kind "external" }}
{{- $wanted := mul .Values.replicas .Values.databaseConnections }}
{{- $free := div (mul .Values.postgres.connectionsMax 8) 10 }}
{{- if gt ($wanted | int) ($free | int) }}
{{- fail (printf "postgres.connectionsMax: %v leave %v for the pods, which may open %v (replicas x databaseConnections); raise it or lower those" .Values.postgres.connectionsMax $free $wanted) }}
{{- end }}
{{- end }}
{{- end }}
