#!/bin/sh
# demo.sh - a node at work in a scratch directory (make demo, as root).
#
# Leaves the node running and says how to look further and how to stop it.
# DEMO_STOP=1 stops it at the end, for the tests.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || {
	echo "demo: containers need root: sudo make demo" >&2
	exit 1
}
dir=${DEMO_DIR:-/tmp/swarm-demo}
port=${DEMO_PORT:-8080}
swarm="$PWD/swarm -H unix://$dir/run/swarm.sock"

show() { # say a command, then do it
	printf '\n\033[1m$ swarm %s\033[0m\n' "$*"
	$swarm "$@"
}

# Stop the daemon with pid $1 and all that it runs.
stop() {
	$swarm leave --force >/dev/null 2>&1 || true
	kill "$1" 2>/dev/null || true
	i=0
	while kill -0 "$1" 2>/dev/null && [ $i -lt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	rm -rf "$dir"
}

if [ "${1:-}" = stop ]; then
	[ -f "$dir/pid" ] || {
		echo "demo: no demo runs in $dir"
		exit 0
	}
	stop "$(cat "$dir/pid")"
	echo "demo: stopped, and $dir is gone"
	exit 0
fi
if [ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
	echo "demo: an earlier demo still runs; stopping it"
	stop "$(cat "$dir/pid")"
fi
rm -rf "$dir"
mkdir -p "$dir"

./swarm daemon --root "$dir/root" --run "$dir/run" \
	>"$dir/daemon.log" 2>&1 </dev/null &
pid=$!
echo $pid >"$dir/pid"
i=0
until $swarm version >/dev/null 2>&1; do
	kill -0 $pid 2>/dev/null || {
		echo "demo: the daemon did not start:" >&2
		cat "$dir/daemon.log" >&2
		exit 1
	}
	i=$((i + 1))
	[ $i -lt 100 ] || {
		echo "demo: the daemon does not answer; see $dir/daemon.log" >&2
		exit 1
	}
	sleep 0.1
done

echo "A swarm of one node, in $dir (daemon: pid $pid)."
show init
show service create --quiet --name web --replicas 3 swarm/whoami
show service create --quiet --name front \
	--publish published="$port",target=80,mode=host swarm/whoami
show service ls
show service ps web
show node ls
printf '\n\033[1m$ curl http://localhost:%s/\033[0m\n' "$port"
curl -sS --max-time 5 "http://localhost:$port/"

cat <<END

Look further:
  alias s='$swarm'
  s service logs web           s service inspect --pretty web
  s service scale web=5        s ps
  kill -9 $pid                 the containers go on; then start it again:
  ./swarm daemon --root $dir/root --run $dir/run &
  man man/swarm.8              all commands

Stop it, and leave nothing behind:
  sudo etc/demo.sh stop
END
[ "${DEMO_STOP:-}" != 1 ] || stop $pid
