{{- /* What asks whether carpd is well; both probes ask it. */ -}}
{{- define "carpd.health" -}}
exec:
  command: [carpd, --healthcheck]
{{- end }}

{{- /* The pod, alike in both shapes but for the network, the neighbours and the application. */ -}}
{{- define "carpd.pod" -}}
{{- $daemonset := eq .Values.kind "DaemonSet" -}}
{{- if not (or .Values.settings.UCARP_ADDR .Values.settings.CARPD_ADDRESSES) }}{{ fail "settings.UCARP_ADDR: the address" }}{{ end -}}
{{- if and $daemonset (or .Values.application .Values.applicationVolumes) }}{{ fail "application: for a Deployment only" }}{{ end -}}
metadata:
  labels:
    {{- include "carpd.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.podAnnotations .Values.advskewByNode (not $daemonset) }}
  annotations:
    {{- with .Values.advskewByNode }}
    checksum/advskew: {{ toJson . | sha256sum }} # a pod reads it at its start
    {{- end }}
    {{- if not $daemonset }}
    k8s.v1.cni.cncf.io/networks: {{ printf "%s@net1" (required "network: the name of a NetworkAttachmentDefinition" .Values.network) | quote }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  {{- if $daemonset }}
  hostNetwork: true
  dnsPolicy: Default
  {{- end }}
  automountServiceAccountToken: false
  # Else a Service called "carpd" would give it variables CARPD_*.
  enableServiceLinks: false
  priorityClassName: {{ .Values.priorityClassName | default (ternary "system-node-critical" "system-cluster-critical" $daemonset) }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if not $daemonset }}
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "carpd.selector" . | nindent 14 }}
  {{- end }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  {{- if .Values.application }}
  initContainers:
    {{- range .Values.application }}
    {{- list (merge (dict "restartPolicy" "Always") .) | toYaml | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    - name: carpd
      image: {{ printf "%s:%s" (required "image.repository: where you keep the image" .Values.image.repository) (.Values.image.tag | default .Chart.AppVersion) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- if .Values.advskewByNode }}
      # The cluster tells a pod the name of its node; the file of this name has the node's advskew.
      command: [/bin/sh, -c]
      args:
        - |
          file="/etc/carpd/advskew/$NODE_NAME"
          if [ -e "$file" ]; then CARPD_ADVSKEW="$(cat "$file")" || exit 1; export CARPD_ADVSKEW; fi
          exec carpd --environment
      {{- end }}
      env:
        {{- range $name, $value := include "carpd.settings" . | fromYaml }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
        - name: UCARP_PASS_FILE
          value: /etc/carpd/secret/password
        {{- if .Values.advskewByNode }}
        - name: NODE_NAME
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
        {{- end }}
      securityContext:
        # Kubernetes gives capabilities to root alone; of root's it has these two and no more.
        runAsUser: 0
        runAsGroup: 0
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
          add: [NET_ADMIN, NET_RAW]
      readinessProbe:
        {{- include "carpd.health" . | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 5
      livenessProbe:
        {{- include "carpd.health" . | nindent 8 }}
        initialDelaySeconds: 10
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: password
          mountPath: /etc/carpd/secret
          readOnly: true
        {{- if .Values.advskewByNode }}
        - name: advskew
          mountPath: /etc/carpd/advskew
          readOnly: true
        {{- end }}
  volumes:
    - name: password
      secret:
        secretName: {{ required "password.existingSecret: the name of a Secret that you made" .Values.password.existingSecret }}
        defaultMode: 0400
        items:
          - key: {{ .Values.password.key }}
            path: password
    {{- if .Values.advskewByNode }}
    - name: advskew
      configMap:
        name: {{ include "carpd.name" . }}-advskew
    {{- end }}
    {{- with .Values.applicationVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- /* The settings, and what the other values have to say about them; each number without an exponent. */ -}}
{{- define "carpd.settings" -}}
{{- $settings := dict -}}
{{- if eq .Values.kind "Deployment" }}{{ $_ := set $settings "UCARP_INTERFACE" "net1" }}{{ end -}}
{{- if .Values.advskewByNode }}{{ $_ := set $settings "CARPD_ADVSKEW" "100" }}{{ $_ := set $settings "CARPD_PREEMPT" "yes" }}{{ end -}}
{{- range $name, $value := .Values.settings -}}
{{- $_ := set $settings $name (ternary (toString (int64 $value)) (toString $value) (kindIs "float64" $value)) -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}
