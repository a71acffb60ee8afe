#!/bin/sh
# The example phased: with a worker killed in the middle it computes what it computes
# without, which is what one process computes alone.
set -u
phased=$WEFT_BINARY_DIR/examples/phased
[ -x "$phased" ] || { echo "$phased is not built"; exit 77; }

bad=0
expect() { # WHAT-IT-SAYS ARGUMENT...
        want=$1
        shift
        out=$(timeout 50 "$phased" "$@" 2>&1) || { echo "phased $*: ended with $?"; bad=1; }
        [ "$out" = "$want" ] || { echo "phased $*: $out"; bad=1; }
}
result="after 200 steps heat 100302848, peak 3451758: as alone"
expect "4 of 4 workers left; $result"
for _ in 1 2 3 4 5; do
        expect "3 of 4 workers left; $result" --kill
done
timeout 50 "$phased" --no-such-option 2>/dev/null && { echo "bad usage is accepted"; bad=1; }
exit $bad
