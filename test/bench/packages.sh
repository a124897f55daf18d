#!/bin/sh
# packages.sh - what make bench alone needs: Debian's etcd to compare with, and
# the libraries that the load generator speaks gRPC to it with. As root.
set -eu

missing=
for p in etcd-server etcd-client libnghttp2-dev libssl-dev openssl; do
	dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"
done
if [ -n "$missing" ]; then
	apt-get update -qq
	# Debian starts what it installs: etcd's own service is not wanted.
	policy=/usr/sbin/policy-rc.d
	made=
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=$policy
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing || code=$?
	[ -z "$made" ] || rm "$made"
	exit "${code:-0}"
fi
