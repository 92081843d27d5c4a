#!/bin/sh
# The kinds of object that operators bring, from their Go modules into tests/kubernetes/bin/crds, so that what the charts render for them
# is judged by their own schemas. Where a module cannot be had it says so and succeeds: its kinds are not judged.
set -eu
cd "$(dirname "$0")"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/waggle"
kept="$folder/crds-$(cksum <crds.sh | cut -d' ' -f1)"

fetch() { # module@version, then files in it
	module=$1
	shift
	at=$(cd "$work" && GOFLAGS=-mod=mod timeout 300 go mod download -json "$module" 2>/dev/null | sed -n 's|.*"Dir": "\(.*\)",*|\1|p')
	[ -n "$at" ] || { echo "make: $module cannot be had; its kinds are not judged in tests" >&2; return 0; }
	for file in "$@"; do cp "$at/$file" "$work/crds/" && chmod u+w "$work/crds/$(basename "$file")"; done
}

if [ ! -e "$kept" ]; then
	command -v go >/dev/null || { echo "make: no Go on this machine; operators' kinds are not judged in tests" >&2; exit 0; }
	mkdir -p "$folder"
	work=$(mktemp -d "$kept.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/crds"
	echo "fetching the kinds of cloudnative-pg, cert-manager, the Prometheus operator and the Gateway API for tests"
	fetch github.com/cloudnative-pg/cloudnative-pg@v1.27.0 config/crd/bases/postgresql.cnpg.io_clusters.yaml \
		config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml
	fetch github.com/cert-manager/cert-manager@v1.21.2 deploy/crds/cert-manager.io_certificates.yaml
	fetch github.com/prometheus-operator/prometheus-operator@v0.85.0 \
		example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml \
		example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
	fetch sigs.k8s.io/gateway-api@v1.4.0 config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
	mv "$work/crds" "$kept" 2>/dev/null || test -e "$kept"
fi
mkdir -p ../bin
ln -sfn "$kept" ../bin/crds
