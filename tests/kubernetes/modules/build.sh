#!/bin/sh
# etcd, kube-apiserver, kube-controller-manager and helm for tests, from their Go modules into tests/kubernetes/bin. They are kept by
# version outside the tree, so a second clone has them at once. Where they cannot be had it says so and succeeds: their tests are skipped,
# with what is said here.
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
	echo "$1" >../bin/unavailable
	exit 0
}
mkdir -p ../bin
rm -f ../bin/unavailable
limit=
command -v timeout >/dev/null && limit="timeout ${KUBERNETES_BUILD_LIMIT:-20m}"

# Last in line for the processors. Where each session has a share of its own (autogroups), being nice counts within one alone: the session
# that is nice as a whole is a new one.
last_in_line() {
	if [ -w /proc/self/autogroup ] && command -v setsid >/dev/null; then
		setsid $limit sh -c 'echo 19 >/proc/self/autogroup || true; exec nice -n 19 "$@"' sh "$@" &
	else
		$limit nice -n 19 "$@" &
	fi
	builder=$!
	wait "$builder" && builder=
}
stop() {
	[ -z "${builder:-}" ] || kill -- "-$builder" 2>/dev/null || kill "$builder" 2>/dev/null || true
	rm -rf "$fresh"
}

if [ ! -e "$kept/helm" ]; then
	command -v go >/dev/null || unavailable "no Go on this machine"
	mkdir -p "$folder"
	fresh=$(mktemp -d "$kept.XXXXXX")
	trap stop EXIT
	trap 'exit 130' INT TERM
	echo "building a Kubernetes API for tests (5 to 10 minutes of one processor, last in line); it is kept in $kept"
	# Without debugging facts and inlining, and by a compiler that collects no garbage while it has room: a good part of the
	# time. One program under three names is compiled and linked once.
	CGO_ENABLED=0 GOGC=off GOMEMLIMIT="${KUBERNETES_BUILD_MEMORY:-1GiB}" last_in_line go build -trimpath -ldflags "-s -w $said" \
		-gcflags "all=-l -dwarf=false" -o "$fresh/" ./server helm.sh/helm/v3/cmd/helm 2>"$fresh/told" || {
		tail -n 20 "$fresh/told" >&2
		unavailable "a Kubernetes API could not be built"
	}
	rm "$fresh/told"
	for name in etcd kube-apiserver kube-controller-manager; do ln -sf server "$fresh/$name"; done
	mv "$fresh" "$kept" 2>/dev/null || test -e "$kept/helm"
fi
for name in etcd kube-apiserver kube-controller-manager helm; do ln -sfn "$kept/$name" "../bin/$name"; done
