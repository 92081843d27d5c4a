{{/* Refuses values that each are allowed and together cannot work. */}}
{{- define "router.check" -}}
{{- with .Values.autoscaling }}
{{- if and .enabled (gt (.min | int) (.max | int)) }}
{{- fail (printf "autoscaling: min %v is above max %v" .min .max) }}
{{- end }}
{{- end }}
{{- if and .Values.gateway.enabled (not .Values.gateway.parents) }}
{{- fail "gateway.parents: empty; a route needs the Gateway that it belongs to" }}
{{- end }}
{{- if and .Values.ingress.enabled .Values.gateway.enabled }}
{{- fail "ingress and gateway exclude one another; clients come in by one of them" }}
{{- end }}
{{- end }}
