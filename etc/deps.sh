#!/bin/sh
# deps.sh - install what the build, the run and the tests need, on Debian 12
# and 13 and Ubuntu 24.04. Run as root; a second run finds all there.
#
# Debian 12 has no static libmnl and no static llhttp. Both come from Debian
# 13's packages, which link against Debian 12's C library; they are unpacked
# below build/deps, checked by their digests, and not installed.
set -eu
cd "$(dirname "$0")/.."
deps=build/deps
want_mnl=7f9a7c3f470ec400171981816df189ec86b11083c3f8d391d0800ed09a87bfc3
want_llhttp=c018069b22f5d53ac630bdc360d6c8bc7df78626cfb22276cbfb280aa64ac4b6

have() { dpkg -s "$1" >/dev/null 2>&1; }
known() { apt-cache show "$1" >/dev/null 2>&1; }

packages="gcc clang make libc6-dev libev-dev libbearssl-dev liblmdb-dev
	libjansson-dev libarchive-dev zlib1g-dev libzstd-dev libmnl-dev
	clang-format binutils pkg-config
	runc crun ca-certificates curl jq iproute2 nftables procps psmisc
	busybox-static umoci strace man-db mandoc python3
	docker.io nginx-light redis-server xz-utils zstd"
if ! known libc6-dev; then
	apt-get update -qq
fi
if known libmsgpack-c-dev; then
	packages="$packages libmsgpack-c-dev"
else
	packages="$packages libmsgpack-dev"
fi
for p in libllhttp-dev libclang-rt-dev libclang-rt-14-dev; do
	if known "$p"; then
		packages="$packages $p"
	fi
done
missing=
for p in $packages; do
	have "$p" || missing="$missing $p"
done
if [ -n "$missing" ]; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing
fi

# found NAME: is there a static library of that name where ld looks?
found() {
	[ -e "$deps/lib/lib$1.a" ] || ls /usr/lib/*/lib"$1".a >/dev/null 2>&1
}

# fetch PACKAGE SHA256 LIBRARY: unpack Debian 13's package below build/deps.
fetch() {
	tmp=$(mktemp -d)
	mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial" \
		"$deps/lib" "$deps/include"
	uri=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' | grep -v security | head -n 1)
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"$uri trixie main" >"$tmp/sources.list"
	set -- "$@" -o Dir::Etc::SourceList="$tmp/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$tmp/lists" -o Dir::Cache="$tmp/cache" \
		-o APT::Sandbox::User=root
	package=$1 sha256=$2 library=$3
	shift 3
	apt-get -qq "$@" update
	(cd "$tmp" && apt-get -qq "$@" download "$package")
	echo "$sha256  $(ls "$tmp"/*.deb)" | sha256sum -c --quiet
	dpkg -x "$tmp"/*.deb "$tmp/root"
	cp "$tmp"/root/usr/lib/*/lib"$library".a "$deps/lib/"
	cp -r "$tmp"/root/usr/include/. "$deps/include/"
	rm -rf "$tmp"
}

found mnl || fetch libmnl-dev "$want_mnl" mnl
found llhttp || fetch libllhttp-dev "$want_llhttp" llhttp
mkdir -p "$deps/include" "$deps/lib"
