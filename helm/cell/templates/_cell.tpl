{{- define "cell.name" -}}
{{ .Values.name | default .Release.Name }}
{{- end }}

{{- define "cell.database" -}}
waggle
{{- end }}

{{- define "cell.databaseHost" -}}
{{ if eq .Values.postgres.kind "cloudnative-pg" }}postgres-rw{{ else }}postgres{{ end }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "cell.ownerRole" -}}
{{ if eq .Values.postgres.kind "cloudnative-pg" }}postgres{{ else }}waggle{{ end }}
{{- end }}

{{/* The operator writes the owner's password; a plain StatefulSet is given it. */}}
{{- define "cell.ownerPassword" -}}
{{- if eq .Values.postgres.kind "cloudnative-pg" -}}
secretKeyRef: {name: postgres-superuser, key: password}
{{- else -}}
secretKeyRef: {name: {{ .Values.secretName }}, key: postgres-password}
{{- end }}
{{- end }}

{{/* Variables that are named in others stand before them: $(NAME) is filled in by Kubernetes. */}}
{{- define "cell.databaseEnvironment" -}}
{{- if eq .Values.postgres.kind "external" -}}
- name: WAGGLE_CELL_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.postgres.external.secretName }}, key: app-url}
- name: WAGGLE_CELL_OWNER_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.postgres.external.secretName }}, key: owner-url}
{{- else -}}
- name: APP_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .Values.secretName }}, key: app-password}
- name: OWNER_PASSWORD
  valueFrom:
    {{- include "cell.ownerPassword" . | nindent 4 }}
- name: WAGGLE_CELL_DATABASE_URL
  value: postgresql://waggle_app:$(APP_PASSWORD)@{{ include "cell.databaseHost" . }}:5432/{{ include "cell.database" . }}
- name: WAGGLE_CELL_OWNER_DATABASE_URL
  value: postgresql://{{ include "cell.ownerRole" . }}:$(OWNER_PASSWORD)@{{ include "cell.databaseHost" . }}:5432/{{ include "cell.database" . }}
{{- end }}
{{- end }}

{{- define "cell.valkeyEnvironment" -}}
{{- if eq .Values.valkey.kind "external" -}}
- name: WAGGLE_CELL_REDIS_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.valkey.external.secretName }}, key: url}
{{- else -}}
- name: VALKEY_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .Values.secretName }}, key: valkey-password}
- name: WAGGLE_CELL_REDIS_URL
  value: redis://:$(VALKEY_PASSWORD)@valkey.{{ .Release.Namespace }}.svc:6379/0
{{- end }}
{{- end }}

{{- define "cell.filesEnvironment" -}}
{{- with .Values.files }}
{{- if .store }}
- name: WAGGLE_CELL_FILES_STORE
  value: {{ .store | quote }}
{{- else if .claimName }}
- name: WAGGLE_CELL_FILES_STORE
  value: file:///var/lib/waggle/files
{{- end }}
{{- with .s3.endpoint }}
- name: WAGGLE_CELL_FILES_S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .s3.region }}
- name: WAGGLE_CELL_FILES_S3_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .s3.secretName }}
- name: WAGGLE_CELL_FILES_S3_KEY_ID
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: key-id}
- name: WAGGLE_CELL_FILES_S3_SECRET
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: secret}
{{- end }}
{{- end }}
{{- end }}

{{- define "cell.searchEnvironment" -}}
{{- if eq .Values.openSearch.kind "external" }}
- name: WAGGLE_CELL_OPENSEARCH_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.openSearch.external.secretName }}, key: url}
{{- end }}
{{- end }}

{{/* Everything a process of the cell is told; `role` and `connections` differ. */}}
{{- define "cell.environment" -}}
{{- with .root }}
- name: POD_IP
  valueFrom:
    fieldRef: {fieldPath: status.podIP}
- name: WAGGLE_CELL_NAME
  value: {{ include "cell.name" . }}
- name: WAGGLE_CELL_REGION
  value: {{ .Values.region }}
- name: WAGGLE_CELL_LISTEN
  value: 0.0.0.0:7100
- name: WAGGLE_CELL_ADVERTISE
  value: $(POD_IP):7100
- name: WAGGLE_CELL_HEALTH
  value: 0.0.0.0:7101
- name: WAGGLE_CELL_CONTROL_PLANE
  value: {{ .Values.controlPlane.address | quote }}
- name: WAGGLE_CELL_PUBLIC_URL
  value: {{ .Values.publicUrl | quote }}
- name: WAGGLE_CELL_DRAIN_S
  value: {{ .Values.drain.requestsS | quote }}
{{ include "house.environment" . }}
{{ include "cell.databaseEnvironment" . }}
{{ include "cell.valkeyEnvironment" . }}
{{- include "cell.filesEnvironment" . }}
{{- include "cell.searchEnvironment" . }}
{{- include "house.mail" . }}
{{- end }}
- name: WAGGLE_BUILD
  value: {{ include "house.version" .root | quote }}
- name: WAGGLE_CELL_ROLE
  value: {{ .role }}
- name: WAGGLE_CELL_DATABASE_CONNECTIONS
  value: {{ .connections | quote }}
{{- include "house.settings" .root }}
{{- end }}

{{/* A database that came out of an archive was another cell's: no process sees it before it owns nothing. Done once, whoever comes first. */}}
{{- define "cell.sealing" -}}
{{- if and (eq .Values.postgres.kind "cloudnative-pg") .Values.postgres.cloudNativePg.recovery.objectStore }}
initContainers:
  - name: seal
    {{- include "house.image" . | nindent 4 }}
    command: [python, -m, control_plane.provision.backups.sealing, {{ include "cell.name" . }}, $(WAGGLE_CELL_OWNER_DATABASE_URL)]
    env:
      {{- include "cell.databaseEnvironment" . | nindent 6 }}
    {{- include "house.resources" .Values.migration.resources | nindent 4 }}
    securityContext:
      {{- include "house.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: scratch, mountPath: /tmp}
{{- end }}
{{- end }}

{{/* The most pods of a role there can be. */}}
{{- define "cell.podsMax" -}}
{{- $role := get .root.Values .role -}}
{{ if dig "autoscaling" "enabled" false $role }}{{ $role.autoscaling.max }}{{ else }}{{ $role.replicas }}{{ end }}
{{- end }}

{{/* Refuses values that each are allowed and together cannot work. */}}
{{- define "cell.check" -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]{0,30}[a-z0-9]$" (include "cell.name" .)) }}
{{- fail (printf "name: %q is not a cell's name; allowed are 2 to 32 of a-z, 0-9 and -, beginning with a letter and not ending with -" (include "cell.name" .)) }}
{{- end }}
{{- if ne .Values.postgres.kind "external" }}
{{- $wanted := 0 }}
{{- range list "api" "gateway" "worker" }}
{{- $wanted = add $wanted (mul (include "cell.podsMax" (dict "root" $ "role" .) | int) (get $.Values .).databaseConnections) }}
{{- end }}
{{- $free := div (mul .Values.postgres.connectionsMax 8) 10 }}
{{- if gt ($wanted | int) ($free | int) }}
{{- fail (printf "postgres.connectionsMax: %v leave %v for the pods, which may open %v (most pods of each role x databaseConnections); raise it or lower those" .Values.postgres.connectionsMax $free $wanted) }}
{{- end }}
{{- end }}
{{- range list "api" "gateway" }}
{{- $scaling := (get $.Values .).autoscaling }}
{{- if and $scaling.enabled (gt ($scaling.min | int) ($scaling.max | int)) }}
{{- fail (printf "%s.autoscaling: min %v is above max %v" . $scaling.min $scaling.max) }}
{{- end }}
{{- end }}
{{- if and .Values.files.store .Values.files.claimName }}
{{- fail "files: store and claimName exclude one another; files lie in one place" }}
{{- end }}
{{- end }}

{{/* What the cell uses and does not run: a database, OpenSearch, an object store, a mail server, a collector of traces. */}}
{{- define "cell.outside" -}}
{{- range .Values.networkPolicy.outside }}
- to:
    - ipBlock: {cidr: {{ .cidr | quote }}}
  ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- end }}

{{- define "cell.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "house.labels" (dict "root" .root "component" "network") | nindent 4 }}
{{- end }}

{{- define "cell.processes" -}}
matchLabels:
  app.kubernetes.io/instance: {{ .Release.Name }}
  waggle/process: "true"
{{- end }}
