#!/bin/sh
# What a container sees, in Debian's dockerd and here: as root, with docker.io,
# busybox-static and jq. Prints the differences that are left when what must
# differ (ids, device numbers, paths of this host) is taken out; exits 1 if
# there are any.
# usage: test/host/compare-docker.sh [BUILD DIRECTORY]
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
make -s B="$build" "$build/test/host/show_test"
show=$build/test/host/show_test
w=$(mktemp -d /tmp/swarm-compare.XXXXXX)
pid=
clean() {
	if [ -n "$pid" ]; then
		docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || :
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	fi
	umount "$w"/*/netns/* "$w"/*/overlay2/*/merged 2>/dev/null || :
	rm -rf "$w"
}
trap clean EXIT INT TERM

root=$w/rootfs
mkdir -p "$w/bind"
mkdir -p "$root/bin" "$root/etc" "$root/data" "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for a in $(busybox --list); do
	[ "$a" = busybox ] || ln -sf busybox "$root/bin/$a"
done
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n' \
	>"$root/etc/passwd"
printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app,root\n' >"$root/etc/group"
echo hello >"$root/data/file"

DOCKER_HOST=unix://$w/sock
export DOCKER_HOST
dockerd --data-root "$w/dd" --exec-root "$w/ddx" -p "$w/pid" -H "$DOCKER_HOST" \
	--bridge=none --iptables=false --ip-forward=false \
	>"$w/log" 2>&1 </dev/null &
pid=$!
tries=0
until docker version >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { cat "$w/log"; exit 1; }
	sleep 0.1
done
tar -C "$root" -c . | docker import -c 'ENV FOO=bar' - bb:1 >/dev/null

cat >"$w/look" <<'END'
echo "# id"; id
echo "# cwd"; pwd; ls -ld .
echo "# env"; env | grep -v -e ^SHLVL= -e ^PWD= | sort
echo "# status"; grep -e ^Cap -e ^Seccomp: -e ^NoNew -e ^Groups -e ^Uid \
	-e ^Gid -e ^Umask -e ^Sig /proc/1/status
echo "# limits"; cat /proc/1/limits
echo "# oom"; cat /proc/1/oom_score_adj
echo "# mounts"; sort -k5 /proc/self/mountinfo
echo "# fds"; ls -l /proc/1/fd
echo "# dev"; ls -l /dev | cut -c1-10,56-
echo "# files"; cat /etc/hosts /etc/hostname /etc/resolv.conf
echo "# sysctl"; cat /proc/sys/net/ipv4/ip_unprivileged_port_start \
	/proc/sys/net/ipv4/ping_group_range /proc/sys/net/core/somaxconn
echo "# cgroup"; cat /proc/self/cgroup
for f in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us \
	devices/devices.list memory.max pids.max cpu.max; do
	cat /sys/fs/cgroup/$f 2>/dev/null
done
echo "# volumes"; ls -l /data /vro 2>/dev/null
echo "# net"; ls /sys/class/net
echo "# calls"; unshare -U true 2>&1; mount -t tmpfs x /tmp 2>&1
touch /x 2>&1; echo 1 2>/dev/null >/proc/sys/kernel/printk || echo "ro"
END
look=$(cat "$w/look")

# What must differ: mount ids, device numbers, host paths, container ids.
same() {
	tr -d '\r' | sed -E \
		-e 's/^[0-9]+ [0-9]+ [0-9]+:[0-9]+ //' \
		-e 's/ master:[0-9]+//; s/ shared:[0-9]+//' \
		-e 's,(lowerdir|upperdir|workdir)=[^ ,]*,\1=X,g; s/,uuid=on$//' \
		-e "s,$w[^ ]*,HOST,g" \
		-e 's,/(docker|swarm)/[0-9a-z]+,/CGROUP,g' \
		-e 's/[0-9a-f]{12}$/CONTAINER/; s/pipe:\[[0-9]+\]/PIPE/' \
		-e 's/(SigQ|Ngid):.*//' \
		-e 's/[A-Z][a-z]{2} [ 0-9]{2} [0-9]{2}:[0-9]{2}/DATE/'
}

rich="-m 64m --cpus 0.5 --pids-limit 50 --ulimit nofile=100:200
	--sysctl net.core.somaxconn=99 --oom-score-adj 77 --read-only
	--tmpfs /t1 --mount type=tmpfs,dst=/t2,tmpfs-size=1m,tmpfs-mode=0700
	-v $w/bind:/bnd -v vol1:/data -v vol2:/vro:ro
	--mount type=bind,src=$w/bind,dst=/bnd/x,bind-propagation=private,readonly
	--user app -w /newdir -h hname --dns 1.2.3.4 --dns-search foo.com
	--dns-option ndots:3 --add-host abc:9.8.7.6 -e B=2 -e FOO=over
	--cap-add SYS_PTRACE --cap-drop NET_RAW"
failed=0
compare() {
	kind=$1
	shift
	# shellcheck disable=SC2086 # the options are words
	docker run "$@" --name "$kind" bb:1 sh -c "$look" 2>&1 | same \
		>"$w/docker.$kind" || :
	"$show" "$root" "$(command -v runc)" "$w/ours" "$kind" "$look" \
		"$w/config.$kind" | jq -j .log | same >"$w/ours.$kind"
	echo "# $kind: $(wc -l <"$w/docker.$kind") lines"
	diff -u "$w/docker.$kind" "$w/ours.$kind" || failed=1
}

# The filter, call by call, for the default capabilities and some others.
filter() {
	jq -S '.linux.seccomp | [.defaultAction, .architectures,
		([.syscalls[] | . as $r | .names[] |
		{name: ., action: $r.action, args: ($r.args // []),
		errnoRet: $r.errnoRet}] | sort_by(.name, .args) | unique)]' "$1"
}
compare_filter() {
	kind=$1
	shift
	id=$(docker run -d "$@" --network none bb:1 sleep 100)
	filter "$(find "$w/ddx" -path "*$id/config.json")" >"$w/docker.filter"
	filter "$w/config.$kind" >"$w/ours.filter"
	docker rm -f "$id" >/dev/null
	echo "# seccomp $kind: $(wc -l <"$w/docker.filter") lines"
	diff -u "$w/docker.filter" "$w/ours.filter" || failed=1
}
compare plain --network none
compare_filter plain
# shellcheck disable=SC2086
compare rich --network none $rich
compare_filter rich --cap-add SYS_PTRACE --cap-drop NET_RAW
compare tty --network none -t
compare host --network host
exit $failed
