#!/bin/sh
# man.sh [MAN-DIR ROWS] - the pages and the command table say the same: each
# flag and command is in a page, and no page has one that is not there. Of a
# page, ".Ss create, update: health" is about these commands; the flags of its
# .It lines are theirs. Without a directory (and the table's rows, a file) it
# also plants faults, and wants to see each of them found.
set -u
cd "$(dirname "$0")/.." || exit 1
man=${1:-man}
tmp=$(mktemp -d)
rows=${2:-$tmp/rows}
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

ok() {
	passed=$((passed + 1))
}
not_ok() {
	failed=$((failed + 1))
	echo "not ok: $*"
}

# The table as lines, from the sources: a stale binary cannot mislead.
table() {
	includes="-I. -isystem build/deps/include -D_GNU_SOURCE -std=gnu17"
	for f in net/client/table net/client/service_flags test/table; do
		cc $includes -c -o "$tmp/$(echo $f | tr / -).o" $f.c || return 1
	done
	LC_ALL=C cc -o "$tmp/table" "$tmp"/*.o 2>&1 |
		sed -n "s/.*undefined reference to .\([a-z0-9_]*\)'.*/\1/p" |
		sort -u | sed 's/.*/void &(void);\nvoid &(void) {}/' \
		>"$tmp/stubs.c"
	cc -o "$tmp/table" "$tmp/stubs.c" "$tmp"/*.o &&
		"$tmp/table" >"$rows"
}

# Of a page: "SECTION item NAME" for the flags of .It lines, "SECTION word
# NAME" for those named elsewhere. A section is the words of .Ss, or .Sh.
page() {
	awk '
	/^\.Sh / { section = $2 == "NOT" ? "NOT-YET" : $2 }
	/^\.Ss / {
		section = substr($0, 5)
		sub(/:.*/, "", section)
		gsub(/[, ]+/, ",", section)
	}
	/^\.[A-Z][a-z] / {
		for (i = 1; i <= NF; i++) {
			if ($i == "Fl" || $i == ".Fl")
				on = 1
			else if (i == 1 || $i ~ /^[A-Z][a-z]$/)
				on = 0
			else if (on && $i ~ /^(-[a-z][a-z0-9-]*|[a-zA-Z])$/) {
				name = $i
				sub(/^-/, "", name)
				print section, $1 == ".It" ? "item" : "word", name
			}
		}
		on = 0
	}' "$1"
}

# Where a command is told: a page and the word that .Ss has for it.
place() { # PATH -> PAGE SECTION
	case $1 in
	daemon) echo swarm-daemon DESCRIPTION ;;
	-) echo swarm Options ;;
	service_* | node_* | image_*) echo "swarm-${1%%_*} ${1#*_}" ;;
	*) echo "swarm $1" ;;
	esac
}

of_section() { # KIND SECTION: names, from stdin
	awk -v kind="$1" -v want="$2" '$2 == kind {
		n = split($1, part, ",")
		for (i = 1; i <= n; i++)
			if (part[i] == want)
				print $3
	}' | sort -u
}

compare() { # PATH
	set -- "$1" $(place "$1")
	awk -v path="$1" '$1 == "flag" && $2 == path && $5 == "here" {
		print $3
		if ($4 != "-")
			print $4
	}' "$rows" | sort -u >"$tmp/have"
	page "$man/$2.8" | of_section item "$3" >"$tmp/said"
	passed=$((passed + $(comm -12 "$tmp/have" "$tmp/said" | wc -l)))
	for flag in $(comm -23 "$tmp/have" "$tmp/said"); do
		not_ok "$2(8), $3: flag $flag is missing"
	done
	for flag in $(comm -13 "$tmp/have" "$tmp/said"); do
		not_ok "$2(8), $3: the program has no flag $flag"
	done
}

# A command has its section, or its line in swarm(8); a group has its page.
told() { # PATH KIND
	words=$(echo "$1" | tr _ ' ')
	set -- "$1" "$2" $(place "$1")
	case $1-$2 in
	*-hidden) return ;;
	image_*-later) pattern="^\\.[A-Z].*\"$words\"" ;;
	*-later) return ;;
	service_* | node_* | image_*) pattern="^\\.Ss .*\\<$4\\>" ;;
	*) set -- "$1" "$2" swarm && pattern="^\\.It Ic swarm $words" ;;
	esac
	if grep -q "$pattern" "$man/$3.8"; then
		ok
	else
		not_ok "$3(8): the command $words is missing"
	fi
}

# No section but of a command that is there, and no word that is no flag.
strays() { # PAGE PREFIX
	grep '^\.Ss ' "$man/$1.8" | sed 's/^\.Ss //; s/:.*//; s/, */ /g' |
		tr ' ' '\n' | sort -u | while read -r name; do
		grep -q "^command $2$name here" "$rows" ||
			case $1:$name in
			swarm:Commands | swarm:Options) ;;
			*) echo "$1(8): there is no command $name" ;;
			esac
	done
	awk '$1 == "flag" {
		print $3, $5
		print $4, $5
	}' "$rows" >"$tmp/names"
	page "$man/$1.8" | awk -v page="$1" 'NR == FNR {
		there[$1, $2] = 1
		next
	}
	$3 != "help" && !(($3, "here") in there) &&
	!($1 == "NOT-YET" && (($3, "later") in there)) {
		print page "(8), " $1 ": nothing has a flag " $3
	}' "$tmp/names" -
}

# What is refused by name is named where the page says so.
refused() { # PAGE PREFIX
	page "$man/$1.8" | of_section word NOT-YET >"$tmp/said"
	awk -v p="^$2" '$1 == "flag" && $2 ~ p && $5 == "later" {
		print $3 }' "$rows" | sort -u >"$tmp/have"
	passed=$((passed + $(comm -12 "$tmp/have" "$tmp/said" | wc -l)))
	for flag in $(comm -23 "$tmp/have" "$tmp/said"); do
		not_ok "$1(8), NOT YET: flag $flag is missing"
	done
}

# What the built program says of itself, where it is there and not older.
helps() {
	program=${SWARM:-./swarm}
	[ -x "$program" ] || return
	[ -z "$(find net/client/table.c net/client/service_flags.c \
		net/client/help.c -newer "$program")" ] || return
	for path in $(awk '$1 == "command" && $3 == "here" { print $2 }' \
		"$rows"); do
		"$program" $(echo "$path" | tr _ ' ') --help |
			sed -n 's/^ *\(-[a-zA-Z], \)\{0,1\}--\([a-z-]*\).*/\2/p' |
			sort -u >"$tmp/said"
		awk -v path="$path" '$1 == "flag" && $2 == path &&
			$5 == "here" { print $3 }' "$rows" | sort -u |
			cmp -s - "$tmp/said" && ok ||
			not_ok "swarm $path --help shows other flags"
	done
}

all() {
	for path in - $(awk '$1 == "command" && $3 == "here" { print $2 }' \
		"$rows"); do
		compare "$path"
	done
	while read -r what path kind; do
		[ "$what" = command ] && told "$path" "$kind"
	done <"$rows"
	strays swarm '' >"$tmp/strays"
	for group in service node image; do
		strays swarm-$group ${group}_ >>"$tmp/strays"
		refused swarm-$group ${group}_
	done
	while read -r line; do
		not_ok "$line"
	done <"$tmp/strays"
	for f in "$man"/*.[1-8]; do
		out=$(mandoc -Tlint -Wwarning "$f") && ok || not_ok "$out"
	done
}

# plant FILE SED WANT: with the page so changed, WANT must be said.
plant() {
	rm -rf "$tmp/man"
	cp -r man "$tmp/man"
	sed -i "$2" "$tmp/man/$1"
	out=$(test/man.sh "$tmp/man" "$rows")
	rc=$?
	if cmp -s "man/$1" "$tmp/man/$1"; then
		not_ok "plant: $2 changes nothing in $1"
	elif [ $rc -ne 0 ] && echo "$out" | grep -q -- "$3"; then
		ok
	else
		not_ok "plant: '$3' is not found after $2, but:" "$out"
	fi
}

plants() {
	plant swarm-service.8 '/^\.It Fl -read-only/d' \
		'create: flag read-only is missing'
	plant swarm-service.8 's/^\.It Fl d , -detach/.It Fl -detach/' \
		'update: flag d is missing'
	plant swarm-service.8 's/^\.It Fl -args/& ; Fl -argz/' \
		'has no flag argz'
	plant swarm-service.8 's/^\.Ss rollback/.Ss rollbak/' \
		'command service rollback is missing'
	plant swarm-service.8 's/^\.Ss rollback/.Ss rollbak/' \
		'no command rollbak'
	plant swarm-service.8 's/-endpoint-mode/-env/' \
		'NOT YET: flag endpoint-mode is missing'
	plant swarm-node.8 's/^\.Ss promote/.Ss promot/' \
		'command node promote is missing'
	plant swarm-image.8 's/^\.Fl -platform/.Fl -plattform/' \
		'nothing has a flag plattform'
	plant swarm.8 's/^\.It Ic swarm events/.It Ic swarm event/' \
		'command events is missing'
	plant swarm-daemon.8 '/^\.It Fl -runtime/d' 'flag runtime is missing'
	plant swarm-node.8 's/^\.Sh EXAMPLES/.Sh/' 'mandoc'
}

if [ $# -eq 0 ] && ! table; then
	echo "not ok: the command table does not compile"
	echo "man: 0 passed, 1 failed"
	exit 1
fi
all
if [ $# -eq 0 ]; then
	helps
	plants
fi
echo "man: $passed passed, $failed failed"
[ $failed -eq 0 ]
