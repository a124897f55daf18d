#!/bin/sh
# binary.sh - what the issue asks of ./swarm: static, hardened, small.
cd "$(dirname "$0")/.." || exit 1
bin=${1:-./swarm}
bad=0
say() {
	echo "binary: $*"
	bad=1
}
readelf -d "$bin" | grep -q NEEDED && say "$bin needs shared libraries"
readelf -l "$bin" | grep -q INTERP && say "$bin needs a loader"
readelf -h "$bin" | grep -q 'DYN' || say "$bin is not position independent"
readelf -l "$bin" | grep -q GNU_RELRO || say "$bin has no RELRO"
readelf -d "$bin" | grep -q 'BIND_NOW\|NOW' || say "$bin binds lazily"
readelf -lW "$bin" | grep GNU_STACK | grep -q RWE && say "its stack is executable"
readelf -d "$bin" | grep -q TEXTREL && say "$bin has text relocations"
tmp=$(mktemp)
strip -o "$tmp" "$bin"
size=$(stat -c %s "$tmp")
rm -f "$tmp"
[ "$size" -le 3145728 ] || say "$bin is $size bytes stripped (3145728)"
echo "$bin: $size bytes stripped"
exit $bad
