{{- define "mattermost-migrate.labels" -}}
app.kubernetes.io/name: mattermost-migrate
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "mattermost-migrate.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Where a server is to listen: dict "root" $ "port" 9443. */}}
{{- define "mattermost-migrate.bind" -}}
{{- $address := .root.Values.bindAddress -}}
{{ printf "--bind=%s:%v" (contains ":" $address | ternary (printf "[%s]" $address) $address) .port | quote }}
{{- end }}

{{/* Our controller, as the API server names it. */}}
{{- define "mattermost-migrate.controllerUsername" -}}
system:serviceaccount:{{ .Release.Namespace }}:mattermost-migrate-controller
{{- end }}

{{/* Whose writes no webhook is asked about. */}}
{{- define "mattermost-migrate.unasked" -}}
# The migration itself: a dead webhook must never stop a rollback.
- name: not-the-migration-controller
  expression: request.userInfo.username != '{{ include "mattermost-migrate.controllerUsername" . }}'
# It collects garbage and empties namespaces, and is refused nothing: a webhook that does not answer
# would only keep it waiting, and with it a migration, whose last step is such a deletion.
- name: not-kubernetes-itself
  expression: "!(request.userInfo.username in ['system:kube-controller-manager', 'system:serviceaccount:kube-system:generic-garbage-collector', 'system:serviceaccount:kube-system:namespace-controller'])"
{{- end }}

{{/* Where the API server calls a webhook: dict "root" $ "path" "/validate/…". */}}
{{- define "mattermost-migrate.clientConfig" -}}
{{- with .root.Values.webhook }}
{{- if .url }}
url: {{ .url }}{{ $.path }}
{{- else }}
service:
  name: mattermost-migrate-webhook
  namespace: {{ $.root.Release.Namespace }}
  port: {{ .port }}
  path: {{ $.path }}
{{- end }}
{{- with .caBundle }}
caBundle: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* By which port a webhook outside the cluster is called; nothing where it is in it: $. */}}
{{- define "mattermost-migrate.portElsewhere" -}}
{{- with .Values.webhook -}}
{{- if .url -}}
{{ regexFind ":[0-9]+$" (urlParse .url).host | trimPrefix ":" | default "443" }}
{{- else if .externalName -}}
{{ .port }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mattermost-migrate.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mattermost-migrate.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where pods may run: the values of one component. */}}
{{- define "mattermost-migrate.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* How what the API server calls is updated: $. */}}
{{- define "mattermost-migrate.rollingUpdate" -}}
{{- if .Values.webhook.hostNetwork -}}
# Of two pods one node has the port for one only, and there may be no node to spare.
maxUnavailable: 1
maxSurge: 0
{{- else -}}
# Never fewer than wanted: a call to a pod that is gone is a call lost.
maxUnavailable: 0
maxSurge: 1
{{- end }}
{{- end }}

{{/* Replicas of one component on different nodes, where there are several. */}}
{{- define "mattermost-migrate.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app.kubernetes.io/name: mattermost-migrate
      app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* A job that switches the preview version: dict "root" $ "verb" "enable" "hook" "post-install". */}}
{{- define "mattermost-migrate.conversionJob" -}}
{{- $name := "mattermost-migrate-conversion" }}
{{- with .root }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}-{{ $.verb }}-{{ .Release.Revision }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "mattermost-migrate.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: {{ $.hook }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 300
  template:
    metadata:
      labels:
        {{- include "mattermost-migrate.labels" . | nindent 8 }}
        app.kubernetes.io/component: conversion-switch
    spec:
      serviceAccountName: {{ $name }}
      enableServiceLinks: false
      restartPolicy: OnFailure
      securityContext: {{- include "mattermost-migrate.podSecurityContext" . | nindent 8 }}
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "mattermost-migrate.placement" .Values.webhook | nindent 6 }}
      containers:
        - name: switch
          image: {{ include "mattermost-migrate.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          command: [{{ $name }}, {{ $.verb }}]
          {{- if eq $.verb "enable" }}
          args:
            - --namespace={{ .Release.Namespace }}
            - --service={{ $name }}
            {{- if eq .Values.certificates.provider "cert-manager" }}
            - --certificate={{ .Release.Namespace }}/mattermost-migrate-webhook
            {{- else if and (eq .Values.certificates.provider "none") .Values.webhook.caBundle }}
            - --ca-bundle={{ .Values.webhook.caBundle }}
            {{- end }}
          {{- end }}
          securityContext: {{- include "mattermost-migrate.containerSecurityContext" . | nindent 12 }}
          resources: {{- toYaml .Values.conversion.resources | nindent 12 }}
{{- end }}
{{- end }}
