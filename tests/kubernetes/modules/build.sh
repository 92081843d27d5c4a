#!/bin/sh
# etcd, kube-apiserver, kube-controller-manager and helm for tests, from their Go modules into tests/kubernetes/bin. They are kept by
# version outside the tree, so a second clone has them at once. Where they cannot be had it says so and succeeds: their tests are skipped.
set -eu
cd "$(dirname "$0")"
version=$(sed -n 's|^	k8s.io/kubernetes v||p' go.mod)
minor=${version#1.}
minor=${minor%%.*}
about=k8s.io/component-base/version
said="-X $about.gitVersion=v$version -X $about.gitMajor=1 -X $about.gitMinor=$minor"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/waggle"
kept="$folder/kubernetes-$version-$(cat go.mod go.sum server/main.go | cksum | cut -d' ' -f1)"
unavailable() {
	echo "make: $1; tests on a Kubernetes API are skipped" >&2
	touch ../bin/unavailable
	exit 0
}
mkdir -p ../bin
rm -f ../bin/unavailable
limit=
command -v timeout >/dev/null && limit="timeout ${KUBERNETES_BUILD_LIMIT:-20m}"

if [ ! -e "$kept/helm" ]; then
	command -v go >/dev/null || unavailable "no Go on this machine"
	mkdir -p "$folder"
	fresh=$(mktemp -d "$kept.XXXXXX")
	trap 'rm -rf "$fresh"' EXIT
	echo "building a Kubernetes API for tests (about 5 minutes, at low priority); it is kept in $kept"
	# Without debugging facts and inlining, which cost most of the time. One program under three names is compiled and linked once.
	CGO_ENABLED=0 $limit nice -n 19 go build -trimpath -ldflags "-s -w $said" -gcflags=all=-l -o "$fresh/" ./server helm.sh/helm/v3/cmd/helm ||
		unavailable "a Kubernetes API could not be built"
	for name in etcd kube-apiserver kube-controller-manager; do ln -sf server "$fresh/$name"; done
	mv "$fresh" "$kept" 2>/dev/null || test -e "$kept/helm"
fi
for name in etcd kube-apiserver kube-controller-manager helm; do ln -sfn "$kept/$name" "../bin/$name"; done
