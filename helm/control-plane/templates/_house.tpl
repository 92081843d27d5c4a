{{/* What every chart of Waggle does the same way. This file is equal in helm/cell, helm/router and helm/control-plane; a test keeps it so. */}}

{{- define "house.selector" -}}
app.kubernetes.io/name: waggle-{{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* What a store's pods are called: without the version, so that an upgrade of Waggle restarts no database. */}}
{{- define "house.lasting" -}}
{{ include "house.selector" . }}
app.kubernetes.io/part-of: waggle
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
waggle/plane: {{ .root.Chart.Name }}
{{- if eq .root.Chart.Name "cell" }}
waggle/cell: {{ include "cell.name" .root }}
{{- end }}
{{- end }}

{{- define "house.labels" -}}
{{ include "house.lasting" . }}
app.kubernetes.io/version: {{ include "house.version" .root | quote }}
{{- end }}

{{- define "house.version" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "house.image" -}}
image: "{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ include "house.version" . }}{{ end }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "house.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "house.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "house.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "house.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end }}

{{/* A process drains by itself at SIGTERM; the pause before it lets everybody hear that the pod is going. */}}
{{- define "house.preStop" -}}
lifecycle:
  preStop:
    exec:
      command: [sleep, {{ .Values.drain.preStopS | quote }}]
{{- end }}

{{/* Once the process has its SIGTERM it ends itself after 30 s at the latest; 5 s more are for the kubelet. */}}
{{- define "house.grace" -}}
terminationGracePeriodSeconds: {{ add .Values.drain.preStopS 35 }}
{{- end }}

{{- define "house.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.root.Values.scheduling.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "house.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "house.placing" -}}
{{- with .Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.scheduling.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "house.resources" -}}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}

{{- define "house.environment" -}}
- name: WAGGLE_CLUSTER_TOKEN_FILE
  value: /etc/waggle/cluster/token
- name: WAGGLE_LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- with .Values.otlpEndpoint }}
- name: WAGGLE_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- if .Values.tls.enabled }}
- name: WAGGLE_TLS_CERT
  value: /etc/waggle/tls/tls.crt
- name: WAGGLE_TLS_KEY
  value: /etc/waggle/tls/tls.key
- name: WAGGLE_TLS_CA
  value: /etc/waggle/tls/ca.crt
- name: WAGGLE_TLS_NAME
  value: {{ .Values.tls.name }}
{{- end }}
{{- end }}

{{- define "house.settings" -}}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "house.mail" -}}
{{- if .Values.mail.secretName }}
- name: WAGGLE_MAIL_SMTP_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.mail.secretName }}, key: smtp-url}
{{- end }}
{{- with .Values.mail.from }}
- name: WAGGLE_MAIL_FROM
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "house.mounts" -}}
- name: cluster-token
  mountPath: /etc/waggle/cluster
  readOnly: true
- name: scratch
  mountPath: /tmp
{{- if .Values.tls.enabled }}
- name: tls
  mountPath: /etc/waggle/tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "house.volumes" -}}
- name: cluster-token
  secret:
    secretName: {{ .Values.clusterToken.secretName }}
    defaultMode: 0440
    items:
      - {key: {{ .Values.clusterToken.key }}, path: token}
- name: scratch
  emptyDir:
    sizeLimit: {{ .Values.scratchSize }}
{{- if .Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ .Values.tls.secretName }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "house.certificate" -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .Values.tls.secretName }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "house.labels" (dict "root" . "component" "tls") | nindent 4 }}
spec:
  secretName: {{ .Values.tls.secretName }}
  duration: {{ .Values.tls.duration }}
  renewBefore: {{ .Values.tls.renewBefore }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  usages: [digital signature, key encipherment, server auth, client auth]
  # Who dials goes by the one name, whatever address it dials: pods are dialled by their IP.
  dnsNames:
    - {{ .Values.tls.name }}
  issuerRef:
    name: {{ .Values.tls.issuer.name }}
    kind: {{ .Values.tls.issuer.kind }}
    group: cert-manager.io
{{- end }}

{{/* ServiceMonitor, alerts and a dashboard; `name`: who it is about, `service`: of these objects, `serves`: the component that is scraped. */}}
{{- define "house.monitoring" -}}
{{- $about := dict "root" .root "component" "monitoring" }}
{{- $rules := .root.Files.Get "alerts.yaml" | fromYaml }}
{{- if .root.Values.monitoring.serviceMonitor }}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ .service }}
  namespace: {{ $.root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
    {{- with .root.Values.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "house.selector" (dict "root" .root "component" .serves) | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ $.root.Release.Namespace }}]
  podTargetLabels: [app.kubernetes.io/component]
  endpoints:
    - port: health
      path: /metrics
      interval: {{ .root.Values.monitoring.interval }}
{{- end }}
{{- if .root.Values.monitoring.rules }}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ .service }}
  namespace: {{ $.root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
    {{- with .root.Values.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  groups:
    {{- with $rules.recorded }}
    - name: waggle-{{ $.name }}-recorded
      interval: {{ $.root.Values.monitoring.interval }}
      rules:
        {{- range . }}
        - record: {{ .record }}
          expr: {{ .expr | replace "$namespace" $.root.Release.Namespace | quote }}
        {{- end }}
    {{- end }}
    - name: waggle-{{ $.name }}
      rules:
        {{- range $rules.alerts }}
        - alert: {{ .name }}
          expr: {{ .expr | replace "$namespace" $.root.Release.Namespace | quote }}
          for: {{ .for }}
          labels:
            severity: {{ .severity }}
            plane: {{ $.root.Chart.Name }}
            of: {{ $.name }}
          annotations:
            summary: {{ .summary | replace "$name" $.name | quote }}
            runbook: docs/operations/at-3-am.md
        {{- end }}
{{- end }}
{{- if .root.Values.monitoring.dashboards }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .service }}-dashboard
  namespace: {{ $.root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
    grafana_dashboard: "1"
data:
  waggle-{{ $.name }}.json: |
    {{- .root.Files.Get (printf "dashboards/%s.json" .root.Chart.Name) | replace "CHART_NAMESPACE" .root.Release.Namespace | replace "CELL_NAME" .name | nindent 4 }}
{{- end }}
{{- end }}
