#!/bin/bash
# completion.sh [PROGRAM] - what the script of "swarm completion bash" makes
# of words on a command line. Names of services and such come from a swarm
# that is made up here, so no daemon is needed.
cd "$(dirname "$0")/.." || exit 1
program=${1:-./swarm}
passed=0 failed=0

ok() {
	passed=$((passed + 1))
}
not_ok() {
	failed=$((failed + 1))
	echo "not ok: $*"
}

# What the script asks for names.
swarm() {
	case "$1 $2" in
	'service ls') printf '%s\n' web worker ;;
	'node ls') printf '%s\n' alpha "\$(touch $tmp/ran)" ;;
	'image ls') printf '%s\n' swarm/whoami:latest nginx:1 ;;
	esac
}

# offers: COMPREPLY of the words given, the last being completed.
offers() {
	COMP_WORDS=(swarm "$@")
	COMP_CWORD=$#
	COMP_LINE="swarm $*"
	COMP_POINT=${#COMP_LINE}
	COMPREPLY=()
	"$function" swarm "${COMP_WORDS[COMP_CWORD]}" \
		"${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/ $//'
}

is() { # WANT WORD...
	local want=$1 got
	shift
	got=$(offers "$@")
	if [ "$got" = "$want" ]; then
		ok
	else
		not_ok "swarm $*: wanted '$want', got '$got'"
	fi
}

has() { # WANT WORD...: among others
	local want=$1 got
	shift
	got=$(offers "$@")
	case " $got " in
	*" $want "*) ok ;;
	*) not_ok "swarm $*: '$want' is not in '$got'" ;;
	esac
}

lacks() { # WORD-THAT-IS-NOT-OFFERED WORD...
	local want=$1 got
	shift
	got=$(offers "$@")
	case " $got " in
	*" $want "*) not_ok "swarm $*: '$want' is offered" ;;
	*) ok ;;
	esac
}

# Every command and flag that the pages of --help show is offered.
helps() {
	local group command flag
	for group in service node image; do
		for command in $("$program" $group --help |
			sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
			has "$command" $group ''
			for flag in $("$program" $group "$command" --help |
				sed -n 's/^ *\(-.,\)\{0,1\} *\(--[a-z-]*\).*/\2/p'); do
				has "$flag" $group "$command" "$flag"
			done
		done
	done
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if ! "$program" completion bash >"$tmp/script" || ! . "$tmp/script"; then
	echo "completion: 0 passed, 1 failed"
	exit 1
fi
function=$(complete -p swarm | sed -n 's/.* -F \([^ ]*\) swarm$/\1/p')
if [ -z "$function" ]; then
	echo "not ok: nothing completes swarm"
	echo "completion: 0 passed, 1 failed"
	exit 1
fi

helps
has service ''
is service serv
is 'create inspect logs ls ps rebalance rm rollback scale update' service ''
is 'create' service cr
is '--pretty' service inspect --pr
is '--update-delay --update-order --update-parallelism' service create --update-
is '--publish-add --publish-rm' service update --publish-
is 'web worker' service rm w
is 'web' service rm worker we
is 'web' service update --force we
is 'nginx:1' image rm ngi
is 'bash' completion ''
is '--task-history-limit' init --task
is '--placement-pref-add --placement-pref-rm' service update --placement-pref-
is '' init --external
is '' service create --secr
is '' service lo-nothing
has join ''
has join-token join
is '--token --token-file' join --tok
is 'manager worker' join-token ''
lacks stack ''
is 'demote inspect ls promote ps rm update' node ''
is 'alpha' node promote al
is '--label-add --label-rm' node update --label
has --all ps --a
has --all container ls --a
has --all images --a
has web -H unix:///run/other.sock service ps ''
has web --host unix:///run/other.sock service ps ''
has web -D service ps ''
# A foreign node's name must not run as a command, on TAB or at Enter.
is alpha node inspect ''
if [ -e "$tmp/ran" ]; then
	not_ok "the name of a node was run as a command"
else
	ok
fi

echo "completion: $passed passed, $failed failed"
[ $failed -eq 0 ]
