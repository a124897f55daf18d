#!/bin/sh
# demo.sh [play] - a cluster of five hosts on this machine (make demo, as root).
#
# A host is a set of namespaces: a network with an address on one bridge, a
# name, a process tree, a /run and a /var/lib of its own. All five live in one
# more set of namespaces, so that nothing of this machine is touched, and when
# the script ends, whichever way, the kernel ends them all with it.
#
# The demo checks what it says: it exits with 1 at the first thing that is not
# so. "play" makes the hosts and gives a shell instead, with three commands:
# "on HOST COMMAND..." types a command there, "off HOST" takes its power away,
# "boot HOST" gives it back.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
hosts='manager1 manager2 manager3 worker1 worker2'
net=10.77.0
swarm=${SWARM:-$here/swarm}
slow=${DEMO_SLOW:-1} # how much longer to wait for a build that checks itself

fail() {
	echo "demo: $*" >&2
	exit 1
}

# ---- outside: the namespaces around it all, and what they cannot end --------

# Cgroups are not in a namespace: those of the tasks in the run directory $1.
rm_cgroups() {
	for task in "$1"/tasks/*; do
		[ -e "$task" ] || continue
		find /sys/fs/cgroup -depth -type d \
			-path "*/swarm/${task##*/}*" -exec rmdir {} + \
			2>/dev/null || true
	done
}

clean_up() {
	for h in $hosts; do
		rm_cgroups "$dir/$h/run"
	done
	rm -rf "$dir"
	# Ours if no other swarm has a task: it is empty then.
	find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d -name swarm \
		-exec rmdir {} + 2>/dev/null || true
}

# The first process inside ends all others with it, and only then itself.
end_all() {
	trap - EXIT HUP INT TERM
	if [ -s "$dir/pid" ]; then
		kill -9 "$(cat "$dir/pid")" 2>/dev/null || true
		wait "$inside" 2>/dev/null || true
	fi
	clean_up
}

enter() {
	for tool in unshare nsenter ip curl; do
		command -v $tool >/dev/null ||
			fail "$tool is missing: make deps installs it"
	done
	dir=$(mktemp -d "${TMPDIR:-/tmp}/swarm-demo.XXXXXX")
	inside=
	trap end_all EXIT
	trap 'exit 129' HUP
	trap 'exit 143' TERM
	[ "${1:-}" = play ] || trap 'exit 130' INT
	exec 3<&0
	DEMO_INSIDE=$dir unshare --net --mount --pid --fork --kill-child \
		--propagation private "$0" "$@" <&3 &
	inside=$!
	rc=0
	wait $inside || rc=$?
	exit $rc
}

if [ "${DEMO_INSIDE:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || fail "containers need root: sudo make demo"
	[ -x "$swarm" ] || fail "no $swarm: type make first"
	enter "$@"
fi
dir=$DEMO_INSIDE

# ---- the hosts --------------------------------------------------------------

log=$dir/hosts.log
PATH=$dir/bin:$PATH
export PATH

address() {
	n=0
	for h in $hosts; do
		n=$((n + 1))
		[ "$h" != "$1" ] || echo $net.$n
	done
}

# What a host is born with; its first process, which ends with the power.
make_init() {
	cat >"$dir/init" <<-'END'
		#!/bin/sh
		read -r pid _ </proc/self/stat
		mount -t proc none /proc
		mount -t tmpfs -o mode=755 none /run
		mount -t tmpfs -o mode=755 none /var/lib
		mkdir /run/swarm /var/lib/swarm
		mount --bind "$2/run" /run/swarm
		mount --bind "$2/lib" /var/lib/swarm
		hostname "$1"
		echo "$pid" >"$2/pid.new" && mv "$2/pid.new" "$2/pid"
		while :; do
			sleep 1000 &
			wait
		done
	END
}

boot() { # HOST
	mkdir -p "$dir/$1/run" "$dir/$1/lib"
	rm -f "$dir/$1/pid"
	unshare --net --mount --uts --pid --fork --kill-child \
		sh "$dir/init" "$1" "$dir/$1" </dev/null >>"$log" 2>&1 &
	wait_for 5 "$1 boots" test -s "$dir/$1/pid"
	pid=$(cat "$dir/$1/pid")
	ip link del "$1" 2>/dev/null || true # of a former life
	ip link add "$1" type veth peer name eth0 netns "$pid"
	ip link set "$1" master lan up
	on "$1" ip link set lo up
	on "$1" ip addr add "$(address "$1")/24" dev eth0
	on "$1" ip link set eth0 up
}

# Silence first, then death: nobody is told, as when the power goes. A host's
# /run and its cgroups do not outlive it.
power_off() { # HOST
	ip link set "$1" down
	pid=$(cat "$dir/$1/pid")
	kill -9 "$pid"
	wait_for 5 "$1 ends" ends "$pid"
	rm_cgroups "$dir/$1/run"
	rm -rf "$dir/$1/run" "$dir/$1/pid"
}

ends() { # PID - its host's first process ends after all others
	! kill -0 "$1"
}

# Files, so that "play" has them, too.
make_commands() {
	mkdir "$dir/bin"
	ln -s "$swarm" "$dir/bin/swarm"
	cat >"$dir/bin/on" <<-END
		#!/bin/sh
		host=\$1
		shift
		[ -s "$dir/\$host/pid" ] || {
			echo "no host \$host has power: boot \$host" >&2
			exit 1
		}
		exec nsenter -t "\$(cat $dir/\$host/pid)" -m -u -n -p -- "\$@"
	END
	for c in off boot; do
		printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$here/etc/demo.sh" $c \
			>"$dir/bin/$c"
	done
	chmod +x "$dir"/bin/*
}

make_lan() {
	ip link set lo up
	ip link add lan type bridge
	ip addr add $net.254/24 dev lan
	ip link set lan up
}

# ---- saying, doing, checking, measuring -------------------------------------

bold='' green='' yellow='' plain=''
if [ -t 1 ]; then
	bold=$(printf '\033[1m')
	green=$(printf '\033[32m')
	yellow=$(printf '\033[33m')
	plain=$(printf '\033[0m')
fi

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

seconds() { # MILLISECONDS
	printf '%d.%02d s' $(($1 / 1000)) $(($1 % 1000 / 10))
}

# wait_for SECONDS WHAT COMMAND... - until the command says yes.
wait_for() {
	end=$(($(now_ms) + $1 * 1000 * slow))
	what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt $end ] || give_up "$what"
		sleep 0.03
	done
}

give_up() {
	printf '\n' >&2
	for h in $hosts; do
		[ -f "$dir/$h/run/daemon.log" ] || continue
		echo "--- $h, the last it said:" >&2
		tail -n 8 "$dir/$h/run/daemon.log" >&2
	done
	fail "not so within its time: $1"
}

step() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

say() { # HOST COMMAND...
	host=$1
	shift
	echo "$green$host#$plain $bold$*$plain"
}

show() { # HOST COMMAND... - say it, do it, take the time
	say "$@"
	host=$1
	shift
	began=$(now_ms)
	on "$host" "$@" || fail "\"$*\" on $host ended with $?"
	took=$(($(now_ms) - began))
}

happened() { # MILLISECONDS WHAT
	echo "$yellow   $(seconds "$1"): $2$plain"
}

# since BEGAN SECONDS WHAT COMMAND... - waits for it and says when it was so.
since() {
	from=$1
	text=$3
	shift 1
	wait_for "$@"
	happened $(($(now_ms) - from)) "$text"
}

nodes() { # HOST FORMAT
	on "$1" swarm node ls --format "$2"
}

leader_but() { # FORMER - another leads
	leader=$(nodes "$asked" '{{.ManagerStatus}} {{.Hostname}}' |
		sed -n 's/^Leader //p')
	[ -n "$leader" ] && [ "$leader" != "$1" ]
}

is_node() { # HOST STATUS MANAGERSTATUS
	nodes "$asked" '{{.Hostname}} {{.Status}} {{.ManagerStatus}}' |
		grep -qE "^$1 $2 ($3)\$"
}

# running SERVICE COUNT [HOST] - so many tasks run, none of them on HOST.
running() {
	where=$(on "$asked" swarm service ps "$1" \
		--filter desired-state=running \
		--format '{{.Node}} {{.CurrentState}}' |
		sed -n 's/ Running.*//p')
	[ "$(echo "$where" | grep -c .)" = "$2" ] || return 1
	[ $# -lt 3 ] || ! echo "$where" | grep -qx "$3"
}

answers() { # HOST - and says that it is this host's task
	on "$asked" curl -sS --max-time 2 "http://$(address "$1")/" |
		grep -q ^Hostname:
}

# ---- the demo ---------------------------------------------------------------

form() {
	step "A cluster begins on one host."
	show manager1 swarm init
	happened $took "a daemon started, a cluster with its own CA and keys"

	step "Every host joins by one command, which the cluster tells."
	show manager1 swarm join-token manager
	join=$(on manager1 swarm join-token manager | grep -o 'swarm join .*')
	for h in manager2 manager3; do
		# shellcheck disable=SC2086 # it is words
		show $h $join
		happened $took "$h is a manager"
	done
	join=$(on manager1 swarm join-token worker | grep -o 'swarm join .*')
	for h in worker1 worker2; do
		# shellcheck disable=SC2086 # it is words
		show $h $join
		happened $took "$h is a worker"
	done

	for h in manager2 manager3; do
		wait_for 10 "$h is a manager" is_node $h Ready Reachable
	done
	for h in worker1 worker2; do
		wait_for 10 "$h is ready" is_node $h Ready ''
	done
	show manager1 swarm node ls
}

serve() {
	step "Any manager takes orders: six copies of a built-in web server."
	show manager3 swarm service create --detach --quiet --name web \
		--replicas 6 swarm/whoami
	since "$began" 20 "six run, on all hosts" running web 6

	step "And one on every host, at port 80 of it."
	show manager2 swarm service create --detach --quiet --name front \
		--mode global --publish published=80,target=80,mode=host \
		swarm/whoami
	since "$began" 20 "five run" running front 5
	show manager1 curl -sS --max-time 2 "http://$(address worker2)/"
	show manager1 swarm service ls
}

lose_the_leader() {
	lost=$leader
	for h in manager3 manager2; do
		[ $h = "$lost" ] || asked=$h
	done
	step "The power of $lost, the leader, goes: kill -9 to all of it."
	dead=$(now_ms)
	power_off "$lost"
	since "$dead" 10 "another manager leads" leader_but "$lost"
	since "$dead" 10 "$lost is known to be down" \
		is_node "$lost" Down Unreachable
	since "$dead" 20 "six of six run, none there" running web 6 "$lost"
	show $asked swarm node ls
	show $asked swarm service ps web --filter desired-state=running
}

go_on() {
	step "One manager of three is lost; the cluster takes orders as ever."
	show $asked swarm service scale --detach web=9
	since "$began" 20 "nine run" running web 9
	for h in $hosts; do
		[ "$h" = "$lost" ] || wait_for 5 "$h answers" answers "$h"
	done
	happened $(($(now_ms) - began)) "each of the four answers at its port 80"
}

heal() {
	step "The power of $lost returns, with the disk as it was."
	born=$(now_ms)
	boot "$lost"
	say "$lost" "swarm daemon    (systemd types that at boot)"
	on "$lost" swarm daemon </dev/null >"$dir/$lost/run/daemon.log" 2>&1 &
	since "$born" 20 "it is a manager again" is_node "$lost" Ready Reachable
	since "$born" 20 "its web server at port 80 runs" running front 5
	wait_for 5 "$lost answers" answers "$lost"
	show "$lost" swarm node ls
	show "$lost" swarm service ls
}

play() {
	echo "Hosts: $hosts ($net.1 to .5)."
	echo "Type: on manager1 swarm init, off manager1, boot manager1"
	rc=0
	PS1='hosts# ' sh || rc=$?
	exit $rc
}

case ${1:-} in
off) power_off "$2" && exit ;;
boot) boot "$2" && exit ;;
esac
read -r pid _ </proc/self/stat # as it is outside
echo "$pid" >"$dir/pid"
mount -t proc none /proc
make_init
make_commands
make_lan
demo=$(now_ms)
for h in $hosts; do
	boot "$h"
done
[ "${1:-}" != play ] || play
asked=manager1
form
leader=
wait_for 5 "somebody leads" leader_but nobody
serve
lose_the_leader
go_on
heal
step "All that was said was checked; $(seconds $(($(now_ms) - demo))) in all."
echo "The hosts are gone now. To play with five such: sudo etc/demo.sh play"
