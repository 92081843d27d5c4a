{{/* PostgreSQL, as an operator's Cluster or as a plain StatefulSet. Equal in helm/cell and helm/control-plane; a test keeps it so.
     root; name: of its objects; account: the StatefulSet's; secretName: with key postgres-password; serverName: in the object store. */}}

{{- define "postgres.statefulset" -}}
{{- $about := dict "root" .root "component" .name }}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
spec:
  clusterIP: None
  selector:
    {{- include "house.selector" $about | nindent 4 }}
  ports:
    - {name: postgres, port: 5432, targetPort: postgres}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
spec:
  serviceName: {{ .name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "house.selector" $about | nindent 6 }}
  # The data outlive the cell: whoever is sure deletes the claim by hand.
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  template:
    metadata:
      labels:
        {{- include "house.lasting" $about | nindent 8 }}
    spec:
      serviceAccountName: {{ .account }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with include "house.pullSecrets" .root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      securityContext:
        {{- include "house.podSecurity" (dict "user" 999) | nindent 8 }}
      terminationGracePeriodSeconds: 120
      {{- with include "house.placing" .root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      containers:
        - name: postgres
          image: {{ .root.Values.postgres.statefulset.image | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args:
            {{- range $name, $value := merge (dict "max_connections" (.root.Values.postgres.connectionsMax | toString)) .root.Values.postgres.parameters }}
            - -c
            - {{ printf "%s=%v" $name $value | quote }}
            {{- end }}
          env:
            - {name: PGDATA, value: /var/lib/postgresql/data/pgdata}
            - {name: POSTGRES_USER, value: waggle}
            - {name: POSTGRES_DB, value: waggle}
            - {name: POSTGRES_INITDB_ARGS, value: --data-checksums --auth-host=scram-sha-256}
            - name: POSTGRES_PASSWORD
              valueFrom:
                secretKeyRef: {name: {{ .secretName }}, key: postgres-password}
          ports:
            - {name: postgres, containerPort: 5432}
          startupProbe:
            exec: {command: [pg_isready, -U, waggle, -d, waggle, -h, 127.0.0.1]}
            periodSeconds: 5
            # Recovery after a crash reads all WAL since the last checkpoint.
            failureThreshold: 120
          readinessProbe:
            exec: {command: [pg_isready, -U, waggle, -d, waggle, -h, 127.0.0.1]}
            periodSeconds: 5
            timeoutSeconds: 3
          # "Fast": open sessions are ended; SIGTERM alone would wait for them.
          lifecycle:
            preStop:
              exec: {command: [pg_ctl, stop, -D, /var/lib/postgresql/data/pgdata, -m, fast, -w, -t, "100"]}
          {{- include "house.resources" .root.Values.postgres.resources | nindent 10 }}
          securityContext:
            {{- include "house.containerSecurity" .root | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: /var/lib/postgresql/data}
            - {name: run, mountPath: /var/run/postgresql}
            - {name: scratch, mountPath: /tmp}
            - {name: memory, mountPath: /dev/shm}
      volumes:
        - name: run
          emptyDir: {sizeLimit: 16Mi}
        - name: scratch
          emptyDir: {sizeLimit: 256Mi}
        - name: memory
          emptyDir: {medium: Memory, sizeLimit: 256Mi}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .root.Values.postgres.storage.className }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .root.Values.postgres.storage.size }}
{{- end }}

{{- define "postgres.cluster" -}}
{{- $about := dict "root" .root "component" .name }}
{{- $pg := .root.Values.postgres }}
{{- $cnpg := $pg.cloudNativePg }}
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
spec:
  instances: {{ $cnpg.instances }}
  {{- with $cnpg.imageName }}
  imageName: {{ . | quote }}
  {{- end }}
  inheritedMetadata:
    labels:
      {{- include "house.lasting" $about | nindent 6 }}
  # Moves make roles, publications and subscriptions; the tables' owner is the superuser.
  enableSuperuserAccess: true
  bootstrap:
    {{- if $cnpg.recovery.objectStore }}
    recovery:
      source: origin
      database: waggle
      {{- with $cnpg.recovery.targetTime }}
      recoveryTarget:
        targetTime: {{ . | quote }}
      {{- end }}
    {{- else }}
    initdb:
      database: waggle
      owner: waggle
      dataChecksums: true
    {{- end }}
  {{- if $cnpg.recovery.objectStore }}
  externalClusters:
    - name: origin
      plugin:
        name: barman-cloud.cloudnative-pg.io
        parameters:
          barmanObjectName: {{ $cnpg.recovery.objectStore }}
          serverName: {{ $cnpg.recovery.serverName }}
  {{- end }}
  {{- if gt ($cnpg.instances | int) 1 }}
  # Slots of moves exist on the standbys too, so a failover loses no move.
  replicationSlots:
    highAvailability:
      enabled: true
      synchronizeLogicalDecoding: true
    synchronizeReplicas:
      enabled: true
  {{- end }}
  postgresql:
    {{- if gt ($cnpg.instances | int) 1 }}
    # A post that was acknowledged is on another machine's disk.
    synchronous:
      method: any
      number: {{ $cnpg.synchronousReplicas }}
      dataDurability: {{ $cnpg.dataDurability }}
    {{- end }}
    parameters:
      {{- $high := dict }}
      {{- if gt ($cnpg.instances | int) 1 }}
      {{- $high = dict "hot_standby_feedback" "on" "sync_replication_slots" "on" }}
      {{- end }}
      {{- if $cnpg.recovery.objectStore }}
      {{- /* A move that the original was in is not taken up by its copy. */}}
      {{- $high = set $high "max_logical_replication_workers" "0" }}
      {{- end }}
      {{- range $name, $value := merge (dict "max_connections" ($pg.connectionsMax | toString)) $high (omit $pg.parameters "wal_level") }}
      {{ $name }}: {{ $value | toString | quote }}
      {{- end }}
  storage:
    size: {{ $pg.storage.size }}
    {{- with $pg.storage.className }}
    storageClass: {{ . }}
    {{- end }}
  walStorage:
    size: {{ $cnpg.walSize }}
    {{- with $pg.storage.className }}
    storageClass: {{ . }}
    {{- end }}
  {{- include "house.resources" $pg.resources | nindent 2 }}
  affinity:
    enablePodAntiAffinity: true
    podAntiAffinityType: preferred
    topologyKey: topology.kubernetes.io/zone
    {{- with .root.Values.scheduling.nodeSelector }}
    nodeSelector:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .root.Values.scheduling.tolerations }}
    tolerations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- if $cnpg.backup.objectStore }}
  plugins:
    - name: barman-cloud.cloudnative-pg.io
      isWALArchiver: true
      parameters:
        barmanObjectName: {{ $cnpg.backup.objectStore }}
        serverName: {{ $cnpg.backup.serverName | default .serverName }}
  {{- end }}
  monitoring:
    enablePodMonitor: false
{{- if $cnpg.backup.objectStore }}
---
# A base backup each night; with the WAL that is archived all the time, any moment since can be restored.
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "house.labels" $about | nindent 4 }}
spec:
  # Six fields: seconds first.
  schedule: {{ $cnpg.backup.schedule | quote }}
  immediate: true
  backupOwnerReference: cluster
  cluster: {name: {{ .name }}}
  method: plugin
  pluginConfiguration: {name: barman-cloud.cloudnative-pg.io}
{{- end }}
{{- end }}
