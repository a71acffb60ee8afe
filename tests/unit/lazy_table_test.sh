#!/bin/sh
# The example lazy_table: what is computed is computed once, and that once more which one
# who was killed had begun.
set -u
table=$WEFT_BINARY_DIR/examples/lazy_table
[ -x "$table" ] || { echo "$table is not built"; exit 77; }

bad=0
expect() { # WHAT-IT-SAYS ARGUMENT...
        want=$1
        shift
        out=$(timeout 50 "$table" "$@" 2>&1) || { echo "lazy_table $*: ended with $?"; bad=1; }
        [ "$out" = "$want" ] || { echo "lazy_table $*: $out"; bad=1; }
}
expect "24 entries, 24 computed, sum 121393"
expect "24 entries, 24 computed, sum 121393" --kill
timeout 50 "$table" --no-such-option 2>/dev/null && { echo "bad usage is accepted"; bad=1; }
exit $bad
