#!/bin/sh
# lint.sh [DIR] - the rules that a machine can hold (make lint). Silent and 0
# when all is well. DIR: another tree, for lint-test.sh, which plants a fault
# for each rule and wants to see it found. Objects are looked for in
# $DIR/$B (B=build/gcc).
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
cd "${1:-$here}" || exit 1
B=${B:-build/gcc}
bad=0
say() {
	echo "lint: $*"
	bad=1
}

sources=$(find swarm*.[ch] core net store exec -name '*.[ch]' 2>/dev/null | sort)
tests=$(find test -name '*.[ch]' 2>/dev/null | sort)

# 1. Include directions. The Makefile's USES_ lines say who may call whom.
make -s -f "$here/Makefile" print-uses | while read -r folder uses; do
	allowed=$(echo "$folder $uses" | tr ' ' '\n' | sort -u)
	for f in "$folder"/*.[ch]; do
		[ -f "$f" ] || continue
		sed -n 's/^#include "\(.*\)\/[^/]*"$/\1/p' "$f" | sort -u |
			while read -r d; do
				echo "$allowed" | grep -qx "$d" || echo \
				"lint: $f includes from $d/, which $folder/ may not call"
			done
	done
done | grep . && bad=1

# 2. Libraries: each is touched by the folders named here and no others.
only() { # REGEX FOLDER...
	regex=$1
	shift
	for f in $sources; do
		d=$(dirname "$f")
		case " $* " in *" $d "*) continue ;; esac
		grep -nE "^#include <($regex)" "$f" | sed "s|^|lint: $f:|" |
			sed 's/$/ (not a library of this folder)/'
	done
}
{
	only 'msgpack' core/model
	only 'jansson' core/model net/client
	only 'lmdb' store
	only 'bearssl' net net/tls store exec/image
	only 'libmnl' net/netlink
	only 'llhttp' net/http
	only 'archive' exec/image net/client
	only 'zlib' exec exec/image
	only 'ev\.h' . net net/http exec exec/image
	for f in $(echo "$sources" | grep '^core/'); do
		grep -nE '^#include <(sys/|linux/|arpa/|net/|netinet/|unistd|fcntl|time\.h|pthread|signal|stdio_ext|dirent|poll)' \
			"$f" | sed "s|^|lint: core is pure: $f:|"
	done
} | grep . && bad=1

# 3. Purity, from the linker's side: every outside symbol core/ needs is here.
allow=' abort calloc free malloc realloc memchr memcmp memcpy memmove memset
 memmem mempcpy memrchr strlen strcmp strncmp strchr strrchr strstr strspn
 strcspn strnlen strncat strcasecmp strncasecmp strpbrk qsort bsearch
 snprintf vsnprintf strtod strtol strtoll strtoul strtoull
 __isoc99_sscanf __stack_chk_fail __ctype_b_loc __errno_location __memchr_chk
 __snprintf_chk __vsnprintf_chk __memcpy_chk __memmove_chk __memset_chk
 __strncat_chk __strcat_chk __strcpy_chk __popcountdi2 ceil floor fabs fmod
 _GLOBAL_OFFSET_TABLE_ check_failed fatal '
core_objects=$(find "$B/core" -name '*.o' 2>/dev/null)
if [ -n "$core_objects" ]; then
	defined=$(nm --defined-only $core_objects | awk 'NF == 3 { print $3 }' |
		sort -u)
	wanted=$(nm -u $core_objects | awk '$1 == "U" { print $2 }' | sort -u)
	for s in $(echo "$wanted" | grep -vxF "$defined" |
		grep -vE '^(json|msgpack)_'); do
		case " $(echo $allow) " in
		*" $s "*) ;;
		*) say "core/ calls $s, which is not on the pure list" ;;
		esac
	done
	model=$(find "$B/core" -name '*.o' | grep -v /core/model/)
	nm -u $model | awk '$2 ~ /^(json|msgpack)_/ { print $2 }' | sort -u |
		grep -vxF "$defined" | sed 's/^/lint: only core\/model may call /' |
		grep . && bad=1
fi

# 4. Size and shape. Tests are tables and may be long.
for f in $sources; do
	n=$(wc -l <"$f")
	[ "$n" -le 800 ] || say "$f: $n lines (800)"
	expand -t8 "$f" | awk -v f="$f" '
		length($0) > 80 && !/^[^a-z]*"/ {
			print "lint: " f ":" NR ": " length($0) " columns (80)"
			bad = 1
		}
		/^\{$/ { start = NR }
		/^\}$/ && start {
			if (NR - start - 1 > 70) {
				print "lint: " f ":" start ": function of " \
					NR - start - 1 " lines (70)"
				bad = 1
			}
			start = 0
		}
		END { exit bad }' || bad=1
done

# 5. Formatting is not a matter of opinion.
if command -v clang-format >/dev/null; then
	clang-format --style=file --dry-run -Werror $sources $tests 2>&1 |
		sed -n 's/^\([^ ]*\): error: .*/lint: \1: run clang-format -i/p' |
		sort -u | grep . && bad=1
fi

# 6. Words that may not appear.
for f in $sources; do
	sed 's|/\*.*||; s|^[ \t]*\* .*||; s|"[^"]*"||g' "$f" | grep -nE '\<(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|atoi|atol|rand|srand|system|popen|usleep|signal|assert|getaddrinfo|gethostbyname|getpwnam|getgrnam) *\(' |
		sed "s|^|lint: banned: $f:|"
done | grep . && bad=1
grep -nwE 'TODO|FIXME|XXX|HACK|DELETEME' $sources $tests |
	grep -v 'test/lint' | sed 's/^/lint: leftover: /' | grep . && bad=1

# 7. Every file opens with what it is.
for f in $sources; do
	head -n 2 "$f" | grep -q '^/\*\|^ \* ' || say "$f: say what it is"
done

# 8. The folders at the top are those of the design.
for d in */; do
	case "$d" in
	core/ | net/ | store/ | exec/ | etc/ | test/ | man/ | build/) ;;
	*) say "$d is not a folder of the design" ;;
	esac
done
exit $bad
