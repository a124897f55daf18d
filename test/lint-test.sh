#!/bin/sh
# lint-test.sh - plant one fault for each rule of lint.sh and see it found: a
# rule that nobody has seen fail is not trusted.
set -u
cd "$(dirname "$0")/.." || exit 1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed=0 failed=0

# A part of the tree is enough, and quick; "make lint" reads the whole.
small_tree() {
	rm -rf "$tree"/*
	mkdir -p "$tree/core" "$tree/store" "$tree/net" "$tree/exec"
	cp .clang-format "$tree"/
	cp -r core/base "$tree/core/"
	cp store/store.h "$tree/store/"
}

# plant NAME WANT FILE TEXT: lint must print WANT once TEXT is added to FILE.
plant() {
	small_tree
	mkdir -p "$tree/$(dirname "$3")"
	[ "$1" = clean ] || printf '%b' "$4" >>"$tree/$3"
	out=$(B=none test/lint.sh "$tree")
	rc=$?
	check "$@"
}

check() {
	if [ "$1" = clean ]; then
		[ $rc -eq 0 ]
	else
		[ $rc -ne 0 ] && echo "$out" | grep -q -- "$2"
	fi
	if [ $? -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1: wanted '$2', rc $rc, got:" "$out"
	fi
}

plant clean '' x ''
plant upward_include 'may not call' core/base/mem.c \
	'#include "core/model/type.h"\n'
plant sideways_include 'may not call' store/store.h \
	'#include "net/egress.h"\n'
plant library 'not a library' core/base/mem.c '#include <msgpack.h>\n'
plant system_header 'core is pure' core/base/mem.c '#include <unistd.h>\n'
plant long_file '(800)' core/base/mem.c "$(yes '\n' | head -n 900 | tr -d '\n')"
plant long_line 'columns (80)' core/base/mem.c \
	"/* $(printf '%090d' 0) */\n"
plant long_function 'lines (70)' core/base/mem.c \
	"int\nf(void)\n{\n$(yes '\tf();\n' | head -n 80 | tr -d '\n')}\n"
plant format 'run clang-format' core/base/mem.c 'int   x  ;\n'
plant banned 'banned' core/base/mem.c 'int y = sprintf (x);\n'
plant leftover 'leftover' core/base/mem.c '/* TODO: later */\n'
plant headless 'say what it is' core/base/zzz.c 'int zzz;\n'
plant folder 'not a folder of the design' misc/x '\n'

# Purity needs objects: compile one that reads the clock.
small_tree
mkdir -p "$tree/objs/core/base"
printf 'long time(long *);\nlong f(void);\nlong f(void) { return time(0); }\n' |
	cc -x c -c -o "$tree/objs/core/base/x.o" -
out=$(B=objs test/lint.sh "$tree")
rc=$?
check purity 'calls time'
printf 'void json_x(void);\nvoid f(void);\nvoid f(void) { json_x(); }\n' |
	cc -x c -c -o "$tree/objs/core/base/x.o" -
out=$(B=objs test/lint.sh "$tree")
rc=$?
check purity_library 'only core/model'

echo "lint-test: $passed passed, $failed failed"
[ $failed -eq 0 ]
