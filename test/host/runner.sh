#!/bin/sh
# The runner with real shims, runtimes and kernel: as root, on a host with
# busybox-static. For each runtime that is installed, runc and crun.
# usage: test/host/runner.sh [BUILD DIRECTORY]
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
make -s B="$build" "$build/test/host/runner_test"
scratch=$(mktemp -d /tmp/swarm-runner.XXXXXX)
trap 'rm -rf "$scratch"' EXIT

root=$scratch/rootfs
mkdir -p "$root/bin" "$root/etc" "$root/data"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in cat echo grep head mount sh sleep tr tty yes; do
	ln -s busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo hello >"$root/data/file"

failed=0
for name in runc crun; do
	runtime=$(command -v "$name") || continue
	if [ "$name" = crun ] && [ -d /sys/fs/cgroup/unified ]; then
		echo "# crun does not do cgroups of both versions: left out"
		continue
	fi
	echo "# $name"
	"$build/test/host/runner_test" "$root" "$runtime" "$scratch/$name" all ||
		failed=1
done
exit $failed
